/** What becomes of the numbers of fields between two versions: a program that was made before knows fields by these alone. */
import type { Report } from './compat-refinements.ts'
import type { FieldNumbers } from './definition.ts'

export function compareNumbers(
  contract: string,
  before: FieldNumbers | undefined,
  after: FieldNumbers | undefined,
  report: Report,
): void {
  if (before === undefined) {
    if (after !== undefined) report('compatible', `${contract} numbers`, 'are given now')
    return
  }
  if (after === undefined)
    return report('breaking', `${contract} numbers`, 'are gone: programs over gRPC and Thrift know fields by them')
  for (const [type, names] of Object.entries(before)) {
    const now = Object.hasOwn(after, type) ? after[type]! : {}
    for (const [name, number] of Object.entries(names)) {
      const where = `${contract} number of ${type}.${name}`
      if (!Object.hasOwn(now, name))
        report('breaking', where, `is gone (was ${number}): keep it, also of what is gone, so that nothing else is given it`)
      else if (now[name] !== number)
        report('breaking', where, `is ${now[name]!} (was ${number}): programs made before read another field`)
    }
  }
}
