import { close, fdatasync, open } from 'node:fs'
import { sharedRun } from './shared-run.ts'

/**
 * Puts what was written to a file safely on the disk, without holding up the event loop: one flush is in the air,
 * and whoever asks meanwhile shares the next one.
 */
export type Flush = {
  /** Resolves when all that was written before the call is on the disk. After a failure every flush fails: what a disk has lost once it does not give back. */
  readonly flush: () => Promise<void>
  /** A flush that is still to end, if there is one. */
  readonly pending: () => Promise<void> | undefined
  readonly stop: () => Promise<void>
}

/** @param path opened at the first flush; any descriptor of a file flushes all of it (fsync(2)) */
export function createFlush(path: string): Flush {
  let descriptor: Promise<number> | undefined
  let failure: unknown

  const flush = sharedRun(async () => {
    if (failure !== undefined) throw failure
    try {
      descriptor ??= openFile(path)
      await syncFile(await descriptor)
    } catch (error) {
      failure = error
      throw error
    }
  })

  return {
    flush,
    pending: flush.pending,
    stop: async () => {
      await flush.pending()?.catch(() => {})
      if (descriptor !== undefined) await closeFile(await descriptor)
      descriptor = undefined
    },
  }
}

function openFile(path: string): Promise<number> {
  return new Promise((resolve, reject) => open(path, 'r', (error, fd) => (error === null ? resolve(fd) : reject(error))))
}

function syncFile(fd: number): Promise<void> {
  return new Promise((resolve, reject) => fdatasync(fd, (error) => (error === null ? resolve() : reject(error))))
}

function closeFile(fd: number): Promise<void> {
  return new Promise((resolve) => close(fd, () => resolve()))
}
