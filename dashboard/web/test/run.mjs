// SPDX-License-Identifier: MIT
// Compiles the pure parts and their tests, file by file so that coverage is that of each, and runs the tests with
// node's test runner.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const web = dirname(dirname(fileURLToPath(import.meta.url)));
const out = mkdtempSync(join(tmpdir(), 'page-test-'));
const sources = (folder) => readdirSync(join(web, folder)).filter((name) => name.endsWith('.ts')).map((name) => join(folder, name));

const asCompiled = {
  name: 'as-compiled',
  setup({ onResolve }) {
    onResolve({ filter: /^\..*\.ts$/ }, ({ path, kind }) =>
      kind === 'entry-point' ? undefined : { path: path.replace(/\.ts$/, '.mjs'), external: true });
  },
};

try {
  const tests = sources('test');
  await build({
    absWorkingDir: web,
    entryPoints: [...tests, ...sources('src/lib')],
    outbase: '.',
    bundle: true,
    plugins: [asCompiled],
    platform: 'node',
    format: 'esm',
    outdir: out,
    sourcemap: 'inline',
    outExtension: { '.js': '.mjs' },
  });
  const files = tests.map((name) => join(out, name.replace(/\.ts$/, '.mjs')));
  process.exitCode = spawnSync(process.execPath, ['--test', ...files], { stdio: 'inherit' }).status ?? 1;
} finally {
  rmSync(out, { recursive: true });
}
