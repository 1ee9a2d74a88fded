import { FAULTS } from './faults.ts'
import type { Simulation } from './options.ts'

/**
 * Refuses a simulation that would test nothing or never end: with users who make no step, every invariant holds.
 * @throws {TypeError} naming what is wrong
 */
export function checkSimulation({ load, invariants, faults = [], placements = [], replicas = {} }: Simulation): void {
  const { duration, pause, clients, setup } = load
  for (const [name, ms] of Object.entries({ duration, pause })) {
    if (ms !== undefined && !(Number.isFinite(ms) && ms > 0))
      throw refused(`load.${name} is ${shown(ms)}; give milliseconds, above 0`)
  }
  if (clients !== undefined && !(Number.isInteger(clients) && clients > 0))
    throw refused(`load.clients is ${shown(clients)}; give a whole number of users, 1 at least`)
  if (setup !== undefined && typeof setup !== 'function') throw refused(`load.setup is ${shown(setup)}; give a function`)
  for (const [name, check] of Object.entries(invariants)) {
    if (typeof check !== 'function')
      throw refused(`invariant "${name}" is ${shown(check)}; give a function that throws when it does not hold`)
  }
  for (const kind of faults) {
    if (!FAULTS.includes(kind)) throw refused(`there is no fault "${kind}"; there are ${quoted(FAULTS)}`)
  }
  for (const placed of placements) {
    if (!PLACED.includes(placed)) throw refused(`there is no placement "${placed}"; there are ${quoted(PLACED)}`)
  }
  for (const [service, count] of Object.entries(replicas)) {
    if (!(Number.isInteger(count) && count >= 1 && count <= MOST_COPIES))
      throw refused(`replicas of "${service}" are ${shown(count)}; give a whole number from 1 to ${MOST_COPIES}`)
  }
}

/** As many as a placement may have. */
const MOST_COPIES = 64
const PLACED: readonly string[] = ['together', 'each', 'groups']

function refused(why: string): TypeError {
  return new TypeError(`Cannot simulate: ${why}`)
}

const shown = (value: unknown): string => (typeof value === 'string' ? `"${value}"` : String(value))
const quoted = (names: readonly string[]): string => names.map((name) => `"${name}"`).join(', ')
