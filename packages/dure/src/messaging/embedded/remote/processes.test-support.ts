import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { clientFactory, socketPeers } from '../../../call/internal.ts'
import { OWN_PROCESS } from '../../../contract/internal.ts'
import type { Address } from '../../../discovery/discovery.ts'
import { realRuntime } from '../../../runtime/runtime.ts'
import { silentLogger } from '../../../telemetry/telemetry.ts'
import type { Broker } from '../../broker.ts'
import { brokerContract, remoteBroker } from './remote.ts'

export type HostAsk = { readonly ask: 'open' | 'close'; readonly directory: string }

export function socketOf(directory: string): Address {
  return { kind: 'unix', path: join(directory, 'broker.sock') }
}

/** The broker that listens in a directory, as another process sees it. */
export function connectTo(directory: string, patience?: number): Broker {
  const runtime = realRuntime()
  const log = silentLogger()
  const peer = socketPeers({ runtime, log, limits: { heartbeat: 200 } })(socketOf(directory))
  const client = clientFactory({ contract: brokerContract, transport: peer, runtime })({
    service: undefined,
    principal: OWN_PROCESS,
  })
  const broker = remoteBroker({ client, runtime, log, ...(patience === undefined ? {} : { patience }) })
  return {
    ...broker,
    stop: async (how) => {
      await broker.stop(how)
      await peer.stop()
    },
  }
}

/** A process that serves brokers (host.test-support.ts). */
export type Host = {
  readonly child: ChildProcess
  readonly ask: (ask: HostAsk['ask'], directory: string) => Promise<void>
}

export function startHost(): Host {
  const child = run('host')
  return {
    child,
    ask: async (ask, directory) => {
      child.send({ ask, directory } satisfies HostAsk)
      for (;;) {
        const [answer] = (await once(child, 'message')) as [string]
        if (answer === directory) return
      }
    },
  }
}

const SCRIPTS = {
  host: fileURLToPath(new URL('./host.test-support.ts', import.meta.url)),
  counting: fileURLToPath(new URL('./counting.test-support.ts', import.meta.url)),
}

/** A process from one of the scripts beside this one. */
export function run(script: keyof typeof SCRIPTS, ...args: readonly string[]): ChildProcess {
  return fork(SCRIPTS[script], [...args], {
    execArgv: ['--conditions=dure-source'],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
}

/** Ends a process at once; resolves when it is gone. */
export async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
}
