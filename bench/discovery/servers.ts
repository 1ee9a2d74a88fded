import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Timers } from 'dure/runtime'
import { freePort } from '@dure/testing/servers'

export type Server = { readonly url: string; readonly pid: number }

/** Processes that a run has started, all of which go with it. */
export type Children = {
  readonly start: (program: string, words: readonly string[]) => ChildProcess
  readonly stop: () => Promise<void>
}

export function createChildren(): Children {
  const all = new Set<ChildProcess>()
  return {
    start: (program, words) => {
      const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'inherit'] })
      all.add(child)
      child.once('close', () => all.delete(child))
      return child
    },
    stop: async () => {
      await Promise.all(
        [...all].map((child) => {
          const closed = once(child, 'close')
          child.kill('SIGKILL')
          return closed
        }),
      )
    },
  }
}

/** A program of this folder, and the first line that it says. */
export async function program(children: Children, name: string, words: readonly string[]) {
  const child = children.start(process.execPath, ['--conditions=dure-source', join(import.meta.dirname, name), ...words])
  const [line] = (await once(createInterface(child.stdout!), 'line')) as [string]
  return { child, line }
}

export async function ourServer(children: Children, directory: string): Promise<Server> {
  const { child, line } = await program(children, 'server.ts', [directory])
  return { url: line, pid: child.pid! }
}

/** Spring's Eureka server, told to be as quick as it can be told to: it answers from a cache of 30 s and evicts once a minute by itself. */
export async function eurekaServer(children: Children, jar: string, timers: Timers): Promise<Server> {
  const port = await freePort()
  const child = children.start('java', [
    ...['-Xmx1g', '-jar', jar, 'server', `--server.port=${port}`, '--server.address=127.0.0.1'],
    ...['--spring.application.name=eureka', '--spring.main.banner-mode=off', '--logging.level.root=ERROR'],
    ...[
      '--eureka.client.jersey.enabled=false',
      '--eureka.client.register-with-eureka=false',
      '--eureka.client.fetch-registry=false',
    ],
    ...['--eureka.server.enable-self-preservation=false', '--eureka.server.eviction-interval-timer-in-ms=1000'],
    '--eureka.server.response-cache-update-interval-ms=500',
  ])
  child.stdout!.resume()
  const url = `http://127.0.0.1:${port}/eureka`
  for (let tries = 0; ; tries++) {
    if (child.exitCode !== null || tries === 1_200) throw new Error(`Cannot measure Eureka's server: it did not get ready`)
    const answer = await fetch(`${url}/apps`).catch(() => undefined)
    if (answer?.ok === true) return { url, pid: child.pid! }
    await timers.sleep(250)
  }
}
