// SPDX-License-Identifier: MIT
// A value that components can follow: the whole of the page's state management.
import { useLayoutEffect, useState } from 'preact/hooks';

export class Store<T> {
  private readonly followers = new Set<() => void>();

  constructor(private current: T) {}

  get value(): T {
    return this.current;
  }

  set value(next: T) {
    if (Object.is(next, this.current)) return;
    this.current = next;
    for (const follower of [...this.followers]) follower();
  }

  follow(follower: () => void): () => void {
    this.followers.add(follower);
    return () => this.followers.delete(follower);
  }
}

export function useStore<T>(store: Store<T>): T {
  const [value, setValue] = useState(store.value);
  // At once with what is shown: what changes between the two would be shown late, over what was typed since.
  useLayoutEffect(() => {
    const update = () => setValue(() => store.value);
    update();
    return store.follow(update);
  }, [store]);
  return value;
}
