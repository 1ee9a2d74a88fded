import { after } from 'node:test'

/** What the tests of a file share: opened by the first that asks for it, closed after the last. */
export function openOnce<T extends AsyncDisposable>(open: () => Promise<T>): () => Promise<T> {
  let opened: Promise<T> | undefined
  after(async () => (await opened)?.[Symbol.asyncDispose]())
  return () => (opened ??= open())
}
