import type { Service } from './definition.ts'
import { DOORS } from './placement.ts'

/** By service, who may call it: services, and `doors`. */
export type Allow = Readonly<Record<string, readonly string[]>>

/** Who may call a service; undefined: each of its system. */
export function callersOf(allow: Allow | undefined, service: string): readonly string[] | undefined {
  if (allow === undefined) return undefined
  return Object.hasOwn(allow, service) ? allow[service] : []
}

/** What keeps "allow" from saying who may call whom, in words: a name that is wrong would shut a service off, or let nobody notice. */
export function allowProblems(allow: unknown, services: readonly Service[]): readonly string[] {
  if (allow === undefined) return []
  if (typeof allow !== 'object' || allow === null || Array.isArray(allow))
    return [`Its "allow" is ${JSON.stringify(allow)}; name callers by service, such as { order: ['cart', 'doors'] }`]
  const names = new Set(services.map(({ contract }) => contract.name))
  return Object.entries(allow as Readonly<Record<string, unknown>>).flatMap(([callee, callers]) => {
    if (!names.has(callee))
      return [`"allow" says who may call "${callee}", which is no service of the system; correct the name or remove it`]
    if (!Array.isArray(callers))
      return [`"allow" has ${JSON.stringify(callers)} for "${callee}"; list services such as ['cart'], or none with []`]
    return callers
      .filter((caller) => !names.has(caller as string) && caller !== DOORS)
      .map(
        (caller) =>
          `"allow" lets ${JSON.stringify(caller)} call "${callee}", and that is no service of the system; correct the name, or write "${DOORS}" for whoever comes in from outside`,
      )
  })
}
