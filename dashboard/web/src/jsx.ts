// SPDX-License-Identifier: MIT
// What the compiled JSX calls.
export { Fragment, h } from 'preact';
