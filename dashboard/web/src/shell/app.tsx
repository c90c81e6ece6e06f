// SPDX-License-Identifier: MIT
// The frame of every page: top bar, navigation, banners, the page itself, toasts.
import type { ComponentChildren } from 'preact';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import type { Session } from '../api/schema.ts';
import { routeOf, type Route } from '../lib/url.ts';
import { AboutPage } from '../pages/about.tsx';
import { DeadGroupsPage } from '../pages/dead-groups.tsx';
import { EntriesPage } from '../pages/entries.tsx';
import { EntryPage } from '../pages/entry.tsx';
import { ConsumersPage } from '../pages/consumers.tsx';
import { GroupPage } from '../pages/group.tsx';
import { OperationPage } from '../pages/operation.tsx';
import { OperationsPage } from '../pages/operations.tsx';
import { OverviewPage } from '../pages/overview.tsx';
import { PublishersPage } from '../pages/publishers.tsx';
import { RoutesPage } from '../pages/routes.tsx';
import { SchemaPage } from '../pages/schema.tsx';
import { SchemasPage } from '../pages/schemas.tsx';
import { TesterPage } from '../pages/tester.tsx';
import { arrivals, base, link, usePlace } from '../state/location.ts';
import { usePoll } from '../state/poll.ts';
import { session, useSession } from '../state/session.ts';
import { useStore } from '../state/store.ts';
import { Page } from '../ui/page.tsx';
import { Empty, Skeleton } from '../ui/states.tsx';
import { Toaster } from '../ui/toaster.tsx';
import { Banners } from './banners.tsx';
import { Navigation } from './navigation.tsx';
import { Shortcuts } from './shortcuts.tsx';
import { TopBar } from './topbar.tsx';

const SESSION_SECONDS = 10;

export function App() {
  const { path } = usePlace();
  const route = routeOf(path, base);
  const main = useRef<HTMLElement>(null);
  const arrived = useStore(arrivals);
  const { data } = usePoll<Session>('session', { slowest: SESSION_SECONDS });
  useEffect(() => {
    if (data) session.value = data;
  }, [data]);
  // Before the next key is read: later, it would take the focus from a field that was chosen meanwhile.
  useLayoutEffect(() => {
    if (arrived > 0) main.current?.focus({ preventScroll: true });
  }, [arrived]);
  return (
    <>
      <a class="skip" href="#main">
        Skip to content
      </a>
      <TopBar />
      <Navigation page={route.page} />
      <main id="main" ref={main} tabIndex={-1}>
        <Banners />
        <RoutedPage key={path} route={route} />
      </main>
      <Toaster />
      <Shortcuts />
    </>
  );
}

function RoutedPage({ route }: { route: Route }) {
  switch (route.page) {
    case 'overview':
      return <OverviewPage />;
    case 'publishers':
      return <PublishersPage />;
    case 'consumers':
      return <ConsumersPage />;
    case 'group':
      return <GroupPage group={route.id} />;
    case 'routes':
      return <RoutesPage />;
    case 'tester':
      return <TesterPage />;
    case 'schemas':
      return <SchemasPage />;
    case 'schema':
      return <SchemaPage type={route.id} />;
    case 'dlq':
      return (
        <NeedsDeadLetters>
          <DeadGroupsPage />
        </NeedsDeadLetters>
      );
    case 'entries':
      return (
        <NeedsDeadLetters>
          <EntriesPage />
        </NeedsDeadLetters>
      );
    case 'entry':
      return (
        <NeedsDeadLetters>
          <EntryPage id={route.id} />
        </NeedsDeadLetters>
      );
    case 'operations':
      return (
        <NeedsDeadLetters>
          <OperationsPage />
        </NeedsDeadLetters>
      );
    case 'operation':
      return (
        <NeedsDeadLetters>
          <OperationPage id={route.id} />
        </NeedsDeadLetters>
      );
    case 'about':
      return <AboutPage />;
    case 'unknown':
      return <UnknownPage />;
  }
}

/** Some transports keep no dead letters: then there is nothing to ask for. */
function NeedsDeadLetters({ children }: { children: ComponentChildren }) {
  const current = useSession();
  if (!current) return <Skeleton />;
  if (current.hasDeadLetters) return <>{children}</>;
  return (
    <Page title="Dead letters">
      <Empty title="No dead letters on this transport">
        <p>
          What fails for good is counted, not kept:{' '}
          {current.transports.map(({ name, type }) => `${name} (${type})`).join(', ')}. Use redis-streams to
          keep, inspect and requeue it.
        </p>
      </Empty>
    </Page>
  );
}

function UnknownPage() {
  return (
    <Page title="Not found">
      <Empty title="There is no such page">
        <p>
          The address is mistyped or from another version. <a href={link('')}>Go to the overview</a>.
        </p>
      </Empty>
    </Page>
  );
}
