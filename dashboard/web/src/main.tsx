// SPDX-License-Identifier: MIT
// The beginning of the page.
import { render } from 'preact';
import { watchLocation } from './state/location.ts';
import { applyPreferences } from './state/preferences.ts';
import { watchVisibility } from './state/refresh.ts';
import { App } from './shell/app.tsx';

applyPreferences();
watchLocation();
watchVisibility();
render(<App />, document.getElementById('page') as HTMLElement);
