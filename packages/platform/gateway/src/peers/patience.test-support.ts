import { setTimeout as sleep } from 'node:timers/promises'

/** Waits for a condition for so many milliseconds. */
export async function untilFor(ms: number, holds: () => Promise<boolean>): Promise<void> {
  const begun = performance.now()
  while (!(await holds())) {
    if (performance.now() - begun > ms) throw new Error(`It did not come to hold within ${ms} ms: ${holds.toString()}`)
    await sleep(20)
  }
}
