import assert from 'node:assert/strict'
import { CallError } from 'dure/contract'
import type { NetworkBroker } from 'dure/messaging/adapter'
import { realRuntime } from 'dure/runtime'
import { silentLogger } from 'dure/telemetry'
import { check, messageOf, until } from './foreign.conformance.ts'
import type { LocalServer } from '../servers/servers.ts'

/**
 * Starts servers of other versions than the tests' and says what an adapter makes of each: one that is too old is refused, with
 * what it is, where, and what to do; with the oldest that is not refused, a message goes there and back. The process' words are, for
 * each, its version, the folder it is in, and `refused` or `taken`.
 */
export async function tryVersions(options: {
  readonly kind: string
  /** Starts the one whose programs are in a folder. */
  readonly start: (programs: string) => Promise<LocalServer>
  readonly broker: (server: LocalServer) => NetworkBroker
  /** What is to be said of one that is too old. */
  readonly refusal: (version: string, server: LocalServer) => RegExp
}): Promise<void> {
  const { kind, start, broker, refusal } = options
  const words = process.argv.slice(2)
  for (let at = 0; at + 2 < words.length; at += 3) {
    const [version, programs, outcome] = words.slice(at, at + 3) as [string, string, string]
    await check(`${kind} ${version} is ${outcome}`, async () => {
      const server = await start(programs)
      try {
        const opening = broker(server)({ runtime: realRuntime(), log: silentLogger() })
        if (outcome === 'taken') return await thereAndBack(await opening)
        const error: unknown = await opening.then(
          (opened) => opened.stop(),
          (failure: unknown) => failure,
        )
        assert.ok(error instanceof CallError, 'it was not refused')
        assert.equal(error.code, 'FAILED_PRECONDITION')
        assert.match(error.message, refusal(version, server))
        console.log(`  ${error.message}`)
      } finally {
        await server.close()
      }
    })
  }
}

async function thereAndBack(opened: Awaited<ReturnType<NetworkBroker>>): Promise<void> {
  const came = new Set<string>()
  const [event, work] = [messageOf('orders', 'a', 1), messageOf('print', '', 2)]
  await opened.subscribe({
    ...{ group: 'g', topics: ['orders'] },
    deliver: async (batch) => batch.forEach(({ message }) => came.add(message.id)),
  })
  await opened.receive({ queue: 'print', handle: async ({ id }) => void came.add(id) })
  await opened.publish([event])
  await opened.send([work])
  await until(() => came.has(event.id) && came.has(work.id))
  await until(async () => (await opened.lag()).every(({ lag }) => lag === 0))
  await opened.stop()
}
