import type { EventEmitter } from 'node:events'
import { Client, escapeIdentifier, type ClientConfig, type QueryConfig } from 'pg'
import type { Runtime, Timer } from 'dure/runtime'
import { settingsOf } from '../../store/store.ts'
import { BEGINNING } from './control.ts'
import type { Lsn } from './lsn.ts'
import { createDecoder, type LogReader } from './pgoutput.ts'
import { PUBLICATION } from './slots.ts'

/**
 * A connection on which the server sends the log of one slot. Everything it says goes to the reader at once; who cannot
 * keep up pauses it, and the server waits. What has been confirmed is not sent again.
 */
export type Replication = {
  /** All before this place is done with: told to the server soon, once for many, and not sent again. */
  readonly confirm: (lsn: Lsn) => void
  /** Tells the server now, and asks how far it has read; `position` of the reader hears it. */
  readonly ask: () => void
  readonly pause: () => void
  readonly resume: () => void
  /** Settles when the connection is over, with why; never rejects. */
  readonly over: Promise<unknown>
  /** Tells what has been confirmed, and ends in good order. */
  readonly end: () => Promise<void>
  readonly destroy: (reason: unknown) => void
}

export type ReplicationOptions = {
  readonly connection: ClientConfig
  /** As the server shows it in `pg_stat_activity` and `pg_stat_replication`. */
  readonly name: string
  readonly slot: string
  readonly reader: LogReader & {
    /** The server has read this far, and has said all that was there for us. */
    readonly position: (lsn: Lsn) => void
  }
  readonly runtime: Pick<Runtime, 'clock' | 'timers'>
  /** Milliseconds between words to the server; well below its `wal_sender_timeout`. */
  readonly interval: number
  /** Milliseconds without a word from a server that was asked for one, after which the connection is held for dead. */
  readonly patience: number
}

/** Milliseconds from 1970 to 2000, where PostgreSQL's time begins. */
const EPOCH = 946_684_800_000
/** Milliseconds that a confirmation waits for the next one. */
const TELL = 20

/** @throws what the server says when the slot cannot be read: absent, in use, lost */
export async function openReplication(options: ReplicationOptions): Promise<Replication> {
  const { connection, name, slot, reader, runtime, interval, patience } = options
  const { clock, timers } = runtime
  const client = new Client({
    connectionTimeoutMillis: BEGINNING,
    ...connection,
    application_name: name,
    keepAlive: true,
    replication: 'database',
  } as ClientConfig)
  const { promise: over, resolve: finish } = Promise.withResolvers<unknown>()
  let ended = false
  let paused = false
  let confirmed = 0n
  let telling: Timer | undefined
  let heard = clock.monotonic()
  const wire = (): Wire => (client as unknown as { readonly connection: Wire }).connection

  const destroy = (reason: unknown): void => {
    ended = true
    finish(reason)
    wire().stream.destroy()
  }
  client.on('error', destroy)
  client.on('end', () => destroy(new Error('the connection ended')))

  const say = (ask: boolean): void => {
    if (ended) return
    const word = Buffer.alloc(34)
    word[0] = STATUS
    // Received, written and done with are one to us: what is not done with is to be sent again.
    for (const at of [1, 9, 17]) word.writeBigUInt64BE(confirmed, at)
    word.writeBigInt64BE(BigInt(clock.now() - EPOCH) * 1000n, 25)
    word[33] = ask ? 1 : 0
    wire().sendCopyFromChunk(word)
  }

  const decode = createDecoder(reader)
  let inside = false
  const take = (chunk: Buffer): void => {
    if (ended) return
    heard = clock.monotonic()
    if (chunk[0] === DATA) {
      const kind = chunk[25]
      if (kind === BEGIN) inside = true
      decode(chunk.subarray(25))
      if (kind === COMMIT) inside = false
    } else if (chunk[0] === KEEPALIVE) {
      // In the midst of a transaction it speaks of one whose end has not been said.
      if (!inside) reader.position(chunk.readBigUInt64BE(1))
      if (chunk[17] === 1) say(false)
    }
  }

  await client.connect()
  const settings = { text: settingsOf(connection), query_timeout: connection.connectionTimeoutMillis ?? BEGINNING }
  await client.query(settings as QueryConfig).catch((error: unknown) => {
    destroy(error)
    throw error
  })
  const started = Promise.withResolvers<void>()
  wire().once('replicationStart', () => started.resolve())
  wire().on('copyData', ({ chunk }: { readonly chunk: Buffer }) => {
    try {
      take(chunk)
    } catch (error) {
      destroy(error)
    }
  })
  const parameters = `proto_version '1', publication_names '${PUBLICATION}', messages 'true'`
  client.query(`START_REPLICATION SLOT ${escapeIdentifier(slot)} LOGICAL 0/0 (${parameters})`).then(
    () => destroy(new Error('the server ended the stream')),
    (error: unknown) => {
      started.reject(error)
      destroy(error)
    },
  )
  const late = timers.after(connection.connectionTimeoutMillis ?? BEGINNING, () => {
    const silent = new Error('the server did not answer to START_REPLICATION')
    started.reject(silent)
    destroy(silent)
  })
  await started.promise.finally(late.cancel)

  const beat = (): void => {
    if (ended) return
    if (!paused && clock.monotonic() - heard > patience) return destroy(new Error(`the server was silent for ${patience} ms`))
    say(true)
    timers.after(interval, beat)
  }
  timers.after(interval, beat)

  return {
    confirm: (lsn) => {
      if (lsn <= confirmed) return
      confirmed = lsn
      telling ??= timers.after(TELL, () => {
        telling = undefined
        say(false)
      })
    },
    ask: () => say(true),
    pause: () => {
      paused = true
      wire().stream.pause()
    },
    resume: () => {
      paused = false
      heard = clock.monotonic()
      wire().stream.resume()
    },
    over,
    end: async () => {
      say(false)
      ended = true
      wire().stream.resume()
      wire().end()
      const late = timers.after(1_000, () => destroy(new Error('the server did not let go')))
      await over
      late.cancel()
    },
    destroy,
  }
}

const [STATUS, DATA, KEEPALIVE, BEGIN, COMMIT] = [...'rwkBC'].map((letter) => letter.charCodeAt(0)) as [
  ...[number, number, number, number, number],
]

/** What `pg` speaks the protocol with. It is not documented, and has been the same for as long as there is replication. */
type Wire = EventEmitter & {
  readonly stream: { readonly pause: () => void; readonly resume: () => void; readonly destroy: () => void }
  readonly sendCopyFromChunk: (chunk: Buffer) => void
  readonly end: () => void
}
