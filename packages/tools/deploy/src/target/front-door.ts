/** The gateway before all releases, in a process of its own: told by a file, asked over a Unix socket that only its owner may open. */
import { request } from 'node:http'
import { join } from 'node:path'
import type { Timers } from 'dure/runtime'
import { socketPath } from 'dure/runtime/internal'
import type { CallCounts } from './counts.ts'
import { isRunning, nodeWords, programBeside, startDetached, stateOf, stopDetached, writeAtomically } from './detached.ts'
import { describedTrouble } from './wanted.ts'

export type FrontFile = {
  /** A number that grows: the front says which it has. */
  readonly version: number
  readonly releases: readonly { readonly id: string; readonly share: number; readonly addresses: readonly string[] }[]
}

export type FrontStatus = { readonly version: number; readonly counts: Readonly<Record<string, CallCounts>> }

export type FrontDoor = {
  /** Resolves when it goes by this; starts it where it does not run. @throws {DeployError} `TARGET` */
  readonly tell: (releases: FrontFile['releases']) => Promise<void>
  /** Counters by the ids of releases; none while it does not answer. */
  readonly counts: () => Promise<Readonly<Record<string, CallCounts>>>
  readonly stop: () => Promise<void>
}

/** Milliseconds it may take to begin, and to answer. */
const [BEGIN, ANSWER] = [30_000, 5_000]
const SHUTDOWN = 10_000

export function frontDoor({
  directory,
  host,
  port,
  timers,
}: {
  readonly directory: string
  readonly host: string
  readonly port: number
  readonly timers: Timers
}): FrontDoor {
  const folder = join(directory, 'front')
  const file = join(directory, 'front.json')
  const control = socketPath(directory, 'front')
  const start = async (): Promise<void> => {
    if (isRunning(folder)) return
    await startDetached(
      {
        ...{ folder, env: {}, shutdownTimeout: SHUTDOWN },
        process: {
          name: 'front',
          program: [programBeside('front'), file, control, host, String(port)],
          node: [...nodeWords, '--max-semi-space-size=4'],
          sockets: [{ name: 'gateway', address: { kind: 'tcp', host, port } }],
        },
      },
      timers,
    )
    for (let waited = 0; !stateOf(folder).ready; waited += 10) {
      const { reason } = stateOf(folder)
      if (reason !== undefined || waited > BEGIN) throw describedTrouble(`open ${host}:${port}`, [reason ?? 'it takes too long'])
      await timers.sleep(10)
    }
  }
  let version = 0
  return {
    tell: async (releases) => {
      const known = isRunning(folder) ? (await ask(control, 'GET').catch(() => undefined))?.version : undefined
      version = Math.max(version, known ?? 0) + 1
      writeAtomically(file, JSON.stringify({ version, releases } satisfies FrontFile))
      await start()
      const status = await ask(control, 'POST')
      if (status.version !== version)
        throw describedTrouble('share the calls', [
          `the front has version ${status.version} of them, and not ${version}; look who else deploys`,
        ])
    },
    counts: async () =>
      isRunning(folder)
        ? await ask(control, 'GET').then(
            ({ counts }) => counts,
            () => ({}),
          )
        : {},
    stop: () => stopDetached(folder, SHUTDOWN, timers),
  }
}

function ask(path: string, method: 'GET' | 'POST'): Promise<FrontStatus> {
  return new Promise((resolve, reject) => {
    const fail = (cause: Error): void => reject(describedTrouble('ask the front', [cause.message], cause))
    const asked = request({ socketPath: path, method, path: '/', agent: false, timeout: ANSWER }, (answer) => {
      const parts: Buffer[] = []
      answer.on('data', (part: Buffer) => parts.push(part))
      answer.on('error', fail)
      answer.on('end', () => {
        const value = JSON.parse(Buffer.concat(parts).toString()) as FrontStatus & { readonly message?: string }
        if (answer.statusCode === 200) resolve(value)
        else fail(new Error(value.message ?? String(answer.statusCode)))
      })
    })
    asked.on('timeout', () => asked.destroy(new Error(`it does not answer in ${ANSWER} ms`)))
    asked.on('error', fail)
    asked.end()
  })
}
