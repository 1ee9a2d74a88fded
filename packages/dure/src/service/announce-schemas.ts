/** Before anything is published, what it looks like is told, and compared with what was told before. */
import type { Service } from './definition.ts'
import { SystemError } from '../contract/internal.ts'
import { readersOf } from './schemas.ts'
import type { System, World } from './system.ts'

/** @throws {SystemError} naming each event that would break somebody, and whom */
export async function announceSchemas(system: System, services: readonly Service[], world: World): Promise<void> {
  const events = services.flatMap(({ contract }) => contract.events)
  if (system.schemas === undefined || events.length === 0) return
  const action = `Cannot start system "${system.name}"`
  const { announce } = await system.schemas(world)
  const refused = await announce(events).catch((cause: unknown) => {
    throw new SystemError(action, [cause instanceof Error ? cause.message : String(cause)], { cause })
  })
  if (refused.length === 0) return
  throw new SystemError(
    action,
    refused.map(({ event, why }) => {
      const publisher = services.find(({ contract }) => contract.events.some(({ name }) => name === event))
      return `Service "${publisher?.contract.name}" announces "${event}", but ${why}. ${brokenReaders(system.services, event)}`
    }),
  )
}

function brokenReaders(services: readonly Service[], event: string): string {
  const readers = readersOf(services, event).map(({ service, version }) => `"${service}" (reads version ${version})`)
  const who = readers.length === 0 ? 'Who reads it is not in this system' : `It breaks ${readers.join(', ')}, as they run now`
  return `${who}; publish what they read, or a new version of the event with an upcast from the one before`
}
