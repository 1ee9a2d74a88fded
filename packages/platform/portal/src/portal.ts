/** The developer portal: a door that lets people find what a system offers, and read how it is called. */
import { Apis } from '@dure/apis'
import { DOOR_LIMITS, hostOfEnvironment, hostsOf, openHttp, openState } from 'dure/door/internal'
import type { Door, DoorHost, OpenDoor, World } from 'dure/service'
import type { ApisClient } from './asked.ts'
import { openCatalogue } from './catalogue.ts'
import { answering } from './server.ts'

export type PortalOptions = {
  /** Name in logs and lists. Default `portal`. */
  readonly name?: string
  /** 0 takes any free port. Default 8095. */
  readonly port?: number
  /** Default 127.0.0.1, or what the environment variable DURE_HOST says. */
  readonly host?: string
  /** Names under which browsers reach it, with the port where there is one: `developers.example`. Those of loopback are always known. */
  readonly hosts?: readonly string[]
  /** What manages the APIs. Default: the service `apis` of the system. */
  readonly apis?: ApisClient
}

/**
 * Makes a door that serves the portal: what is published in API management, to whoever looks. Its pages need no script, and nothing from
 * outside.
 *
 * @example
 * ```ts
 * import { apisService } from '@dure/apis'
 * import { portal } from '@dure/portal'
 * import { system } from 'dure/service'
 *
 * const offered = system('offered', { services: [apisService()], doors: [portal()], security: { authenticate: () => undefined } })
 * console.log(offered.doors[0]?.name) // → portal
 * ```
 */
export function portal(options: PortalOptions = {}): Door {
  const { name = 'portal', port = 8095, host = hostOfEnvironment() } = options
  return {
    name,
    listens: () => ({ kind: 'tcp', host, port }),
    open: (system, world) => open(system, world, { ...options, name, port, host }),
  }
}

async function open(
  host: DoorHost,
  world: World,
  options: PortalOptions & { readonly name: string; readonly port: number; readonly host: string },
): Promise<OpenDoor> {
  const { name, hosts = [] } = options
  const catalogue = openCatalogue({ apis: options.apis ?? host.client(Apis), clock: world.runtime.clock, log: world.log })
  const known = new Set(hosts.map((each) => each.toLowerCase()))
  const state = openState({ door: name, limits: DOOR_LIMITS, world, host })
  const answer = answering(state, { catalogue, hosts: known, system: host.system, log: world.log })
  try {
    const { origin, close } = await openHttp(state, {
      ...{ host: options.host, port: options.port, handed: world.sockets?.get(name), answer },
    })
    for (const each of hostsOf(Number(new URL(origin).port))) known.add(each)
    return { url: origin, page: origin, close: (how) => close(how).finally(catalogue.close) }
  } catch (error) {
    catalogue.close()
    throw error
  }
}
