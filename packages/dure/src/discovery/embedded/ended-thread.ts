import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { silentLogger } from '../../telemetry/telemetry.ts'
import { createFolder } from './folder.ts'
import { processIsAlive } from './process.ts'

/**
 * Removes what a thread of this process left in the directory's registry when it ended. Nobody else can tell that it has: its
 * process lives on.
 */
export function buryThread(directory: string, thread: number): void {
  const path = join(directory, 'registry')
  if (!existsSync(path)) return
  try {
    createFolder({
      path,
      alive: (mark) => processIsAlive(mark) && !(mark.pid === process.pid && mark.thread === thread),
      log: silentLogger(),
    }).read()
  } catch {
    // Whoever calls it finds that nobody listens, and asks another.
  }
}
