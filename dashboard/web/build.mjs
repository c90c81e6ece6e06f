// SPDX-License-Identifier: MIT
// Builds the page into a folder: index.html and assets/<name>.<hash>.<ext>.
// Usage: node build.mjs [FOLDER]   (default: dist)
// The server puts its base path where index.html says __BASE__.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
const KIB = 1024;
const RAW_MAX = 150 * KIB;
const GZIP_MAX = 50 * KIB;

async function bundle() {
  const result = await build({
    entryPoints: [join(here, 'src/main.tsx'), join(here, 'src/styles/main.css')],
    bundle: true,
    minify: true,
    // Shorter than the calls of the automatic runtime.
    jsx: 'transform',
    jsxFactory: 'h',
    jsxFragment: 'Fragment',
    inject: [join(here, 'src/jsx.ts')],
    format: 'esm',
    target: 'es2022',
    legalComments: 'none',
    outdir: 'out',
    write: false,
    logLevel: 'warning',
  });
  return Object.fromEntries(
    result.outputFiles.map((file) => [file.path.endsWith('.css') ? 'css' : 'js', file.contents]),
  );
}

function hashed(name, extension, content) {
  const hash = createHash('sha256').update(content).digest('hex').slice(0, 10);
  return { path: `assets/${name}.${hash}.${extension}`, content };
}

function checkBudget(files) {
  const sum = (size) => files.reduce((total, file) => total + size(file.content), 0);
  const raw = sum((content) => content.length);
  const gzip = sum((content) => gzipSync(content, { level: 9 }).length);
  console.log(`page: ${(raw / KIB).toFixed(1)} KiB, ${(gzip / KIB).toFixed(1)} KiB compressed`);
  if (raw > RAW_MAX || gzip > GZIP_MAX) {
    throw new Error(`the page is too large: at most ${RAW_MAX / KIB} KiB, ${GZIP_MAX / KIB} KiB compressed`);
  }
}

const folder = resolve(process.argv[2] ?? join(here, 'dist'));
const { js, css } = await bundle();
const main = hashed('main', 'js', js);
const style = hashed('main', 'css', css);
const icon = hashed('icon', 'svg', readFileSync(join(here, 'src/icon.svg')));
const html = readFileSync(join(here, 'src/index.html'), 'utf8')
  .replace('{{script}}', main.path)
  .replace('{{style}}', style.path)
  .replace('{{icon}}', icon.path);
const files = [{ path: 'index.html', content: Buffer.from(html) }, main, style, icon];
checkBudget(files);
rmSync(join(folder, 'assets'), { recursive: true, force: true });
mkdirSync(join(folder, 'assets'), { recursive: true });
for (const file of files) writeFileSync(join(folder, file.path), file.content);
