/** What events do: they arrive in the order of their key, each takes effect once, and none comes of what was undone. */
import { caught, pause, type Probe } from './probe.test-support.ts'

const EVENTS = 20

export const eventProbes: readonly Probe[] = [
  {
    name: 'events of one key arrive in order, each once',
    must: { a: upTo(EVENTS), b: upTo(EVENTS) },
    run: async ({ writer, reader }) => {
      for (let n = 0; n < EVENTS; n++) for (const key of ['a', 'b']) await writer.call('write', { key, n })
      return { a: await arrived(reader, 'a', EVENTS), b: await arrived(reader, 'b', EVENTS) }
    },
  },
  {
    name: 'an event keeps what it carries',
    must: [{ key: 'whole', n: 1, at: new Date(5), big: 2n ** 70n }],
    run: async ({ writer, reader }) => {
      await writer.call('write', { key: 'whole', n: 1 })
      await arrived(reader, 'whole', 1)
      return await reader.call('carried', 'whole')
    },
  },
  {
    name: 'a transaction that fails tells nobody',
    must: { failed: 'INTERNAL', arrived: [1] },
    run: async ({ writer, reader }) => {
      const { code } = (await caught(writer.call('write', { key: 'undone', n: -1 }))) as { code: unknown }
      await writer.call('write', { key: 'undone', n: 1 })
      return { failed: code, arrived: await arrived(reader, 'undone', 1) }
    },
  },
]

/** What has arrived of a key, once there is enough of it and nothing more comes. */
async function arrived(reader: Parameters<Probe['run']>[0]['reader'], key: string, enough: number): Promise<unknown> {
  for (let tries = 0; ; tries++) {
    const numbers = (await reader.call('arrived', key)) as number[]
    if (numbers.length >= enough || tries > 1_000) return numbers
    await pause(2)
  }
}

function upTo(count: number): readonly number[] {
  return Array.from({ length: count }, (_, n) => n)
}
