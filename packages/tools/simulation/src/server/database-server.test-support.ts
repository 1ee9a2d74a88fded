import { closeSync, existsSync, openSync } from 'node:fs'
import { join } from 'node:path'
import type { DatabaseAdapter, DatabaseWorld } from 'dure/data'
import { makeFolder } from 'dure/runtime'
import { realProcess } from '../real.test-support.ts'
import { openServer, type DatabaseServer } from './database-server.ts'
import { serverStore } from './store.ts'

const servers = new Map<string, DatabaseServer>()

/** For the conformance suite, which imports this file in other processes as well. */
export function openAdapter(world: DatabaseWorld): DatabaseAdapter {
  const { clock, timers } = world.runtime
  const later = (ms: number, task: () => void): void => void timers.after(ms, task, 'waited')
  const of = (service: string): DatabaseServer => {
    const file = join(world.directory, `${service}.db`)
    let server = servers.get(file)
    if (server === undefined) {
      makeFolder(world.directory)
      if (!existsSync(file)) closeSync(openSync(file, 'w'))
      server = openServer({ service, file, world: { now: clock.monotonic, later }, sometimes: () => {} })
      servers.set(file, server)
    }
    return server
  }
  return serverStore({
    process: realProcess(world.runtime),
    servers: { of, world: { now: clock.monotonic, later } },
    latency: () => 0,
    sometimes: () => {},
  })(world)
}
