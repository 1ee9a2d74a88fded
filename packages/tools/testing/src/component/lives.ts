import { CallError } from 'dure/contract'
import type { InFlight } from './in-flight.ts'
import type { Life } from './life.ts'
import type { Time } from './time.ts'

/** The lives of a system under test, one after another, and its end. */
export type Lives = {
  /** The one that it has. @throws when it has none, or the test is over */
  readonly now: (action: string) => Life
  readonly kill: () => Promise<void>
  readonly stop: () => Promise<void>
}

/** Begins the first. */
export async function createLives(options: {
  readonly name: string
  readonly time: Time
  readonly calls: InFlight
  readonly begin: (number: number) => Promise<Life>
  /** Whatever holds up what is under way. */
  readonly heal: () => void
  /** Told once, when nothing is left of it. */
  readonly over: () => Promise<void>
}): Promise<Lives> {
  const { name, time, calls, heal, over } = options
  let number = 0
  let life: Life | undefined
  let ended: Promise<void> | undefined
  const begin = async (): Promise<void> => {
    const next = await time.during(() => options.begin(++number))
    life = next
  }
  let coming = begin()
  const now: Lives['now'] = (action) => {
    if (ended !== undefined) throw new Error(`Cannot ${action}: the test of "${name}" is over; start another with \`testSystem\``)
    if (life === undefined) throw new CallError('UNAVAILABLE', `Cannot ${action}: "${name}" was killed and has not started again`)
    return life
  }
  const stop = async (): Promise<void> => {
    await coming.catch(() => {})
    try {
      await time.during(async () => {
        heal()
        life?.thaw()
        await life?.end()
      })
    } finally {
      calls.fail(new CallError('UNAVAILABLE', `The test of "${name}" is over`))
      await over()
    }
  }
  try {
    await coming
  } catch (error) {
    await over()
    throw error
  }
  return {
    now,
    kill: async () => {
      const { kill } = now(`kill "${name}"`)
      life = undefined
      calls.fail(new CallError('UNAVAILABLE', `"${name}" was killed by the test before it answered`))
      coming = time.during(kill).then(begin)
      await coming
    },
    stop: () => (ended ??= stop()),
  }
}
