// SPDX-License-Identifier: MIT
// explain.mjs - why an event goes where it goes.
//
//   node explain.mjs

import { createEventRouter } from 'libevents';

const router = createEventRouter({
  originPrefix: 'eu.de',
  routes: [
    { name: 'people', pattern: 'user.*', transport: 'main', topic: 'people', priority: 2 },
    { name: 'gone', pattern: '*.deleted', transport: 'archive' },
  ],
});

const { fullType, topic, transports, topicRule, routes } = router.explain('user.deleted');
console.log(fullType, topic, transports, topicRule);
for (const { name, matched, reason } of routes) console.log(name, matched, reason);
