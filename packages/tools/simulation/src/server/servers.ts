import { join } from 'node:path'
import type { Process } from '../kernel/kernel.ts'
import { openServer, type DatabaseServer, type ServerWorld } from './database-server.ts'

/** The database servers of a run, one a service: they are there whoever lives. */
export type Servers = {
  readonly world: ServerWorld
  readonly of: (service: string) => DatabaseServer
  /** A process has died: its sessions end, when its machine is gone only after a while. */
  readonly died: (process: Process, silently: boolean) => void
  readonly close: () => void
}

/** Milliseconds after which a server finds out that a machine is gone. */
const KEEP_ALIVE = 25_000

export function createServers(options: {
  readonly directory: string
  readonly world: ServerWorld
  readonly sometimes: (what: string) => void
}): Servers {
  const { directory, world, sometimes } = options
  const open = new Map<string, DatabaseServer>()
  return {
    world,
    of: (service) => {
      let server = open.get(service)
      if (server === undefined) {
        server = openServer({ service, file: join(directory, `${service}.db`), world, sometimes })
        open.set(service, server)
      }
      return server
    },
    died: (process, silently) => {
      const forget = (): void => {
        for (const server of open.values()) server.died(process)
      }
      if (silently) world.later(KEEP_ALIVE, forget)
      else forget()
    },
    close: () => {
      for (const server of open.values()) server.close()
      open.clear()
    },
  }
}
