// SPDX-License-Identifier: MIT
// Makes `import 'libevents'` work from any folder: build/env names this file in NODE_OPTIONS, as --import.
// (NODE_PATH, which does the same for require(), does not serve import.)

import * as nodeModule from 'node:module';

import { resolveSync } from './resolve.mjs';

if (nodeModule.registerHooks) nodeModule.registerHooks({ resolve: resolveSync });
else nodeModule.register('./resolve.mjs', import.meta.url);
