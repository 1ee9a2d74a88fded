/** A service that keeps what mails say, behind an SMTP door, and a client that speaks by hand. */
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { CallError, command, contract, error, query } from 'dure/contract'
import { database } from 'dure/data'
import { service, start, system, type Door, type Running, type SystemOptions } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { z } from 'zod'
import { into, type Into, type IntoOptions } from './into.ts'
import { smtp, type SmtpOptions } from './smtp.ts'

const Full = error('FULL', { data: z.object({ left: z.int() }) })
const Note = z.object({ from: z.string(), subject: z.string().max(60), text: z.string(), files: z.array(z.string()) })
type Note = z.infer<typeof Note>

export const Desk = contract('desk', {
  version: '1.0.0',
  owner: 'tests',
  operations: {
    keep: command({ input: Note, errors: { Full }, deadline: 60_000 }),
    lock: command({ input: Note, scope: 'desk.lock', deadline: 60_000 }),
    look: query({ output: z.array(z.string()), deadline: 60_000 }),
  },
})

export const toNote: IntoOptions<Note>['input'] = ({ from = '', subject, text, attachments }) => {
  if (subject === 'nonsense') throw new CallError('INVALID_ARGUMENT', 'Nothing can be made of it')
  return { from, subject, text: text.trim(), files: attachments.map(({ filename = '' }) => filename) }
}
export const KEEP: Into = into(Desk, 'keep', { to: ['desk@shop.example', '*@notes.example'], input: toNote })
const LOCK = into(Desk, 'lock', { to: 'safe@shop.example', input: toNote })

export type Post = {
  readonly running: Running
  readonly url: URL
  /** Subjects, in the order in which they were kept. */
  readonly kept: () => Promise<readonly string[]>
  /** What the handler was called with. */
  readonly calls: Note[]
}

type Tables = { notes: { subject: string } }

/** A system with this door. */
export async function desk(
  t: Pick<TestContext, 'after'>,
  { doors, security = 'off', directory }: { doors: readonly Door[]; security?: SystemOptions['security']; directory?: string },
): Promise<Post> {
  const home = directory ?? mkdtempSync(join(tmpdir(), 'dure-mail-'))
  const begun: { running?: Running } = {}
  t.after(async () => {
    await begun.running?.stop()
    if (directory === undefined) rmSync(home, { recursive: true, force: true })
  })
  const calls: Note[] = []
  let tries = 0
  const desk = service(Desk, {
    database: database<Tables>({ migrations: { '001': 'CREATE TABLE notes (subject TEXT NOT NULL)' } }),
    handlers: {
      keep: async (note, { database }) => {
        calls.push(note)
        if (note.subject === 'full') throw Full({ left: 0 })
        if (note.subject === 'broken') throw new Error('password 1234')
        if (note.subject === 'later' && ++tries < 3) throw new CallError('UNAVAILABLE', 'Not yet')
        await database.transaction((tx) => tx.insertInto('notes').values({ subject: note.subject }).execute())
      },
      lock: (note) => void calls.push(note),
      look: async (_, { database }) =>
        (await database.read.selectFrom('notes').select('subject').execute()).map(({ subject }) => subject),
    },
  })
  const running = await start(system('post', { services: [desk], doors, security }), { directory: home, log: silentLogger() })
  begun.running = running
  const url = running.doors[0]?.url
  return {
    ...{ running, calls, url: new URL(url ?? 'none://') },
    kept: async () => (await running.call('desk', 'look', undefined, {})) as readonly string[],
  }
}

export const post = (
  t: TestContext,
  { security, ...door }: Partial<SmtpOptions> & Pick<SystemOptions, 'security'> = {},
): Promise<Post> => desk(t, { doors: [smtp({ port: 0, into: [KEEP, LOCK], ...door })], ...(security && { security }) })

export type Speaker = {
  readonly socket: Socket
  /** Sends lines, and resolves with the last line of each reply. */
  readonly say: (...lines: readonly string[]) => Promise<string>
  /** The next reply. */
  readonly hear: () => Promise<string>
}

/** A client of SMTP that says what it is told. */
export async function speaker(t: Pick<TestContext, 'after'>, { hostname, port }: URL): Promise<Speaker> {
  const socket = connect(Number(port), hostname)
  t.after(() => socket.destroy())
  socket.on('error', () => {})
  const replies: string[] = []
  let came = ''
  let wake: (() => void) | undefined
  socket.setEncoding('utf8').on('data', (text: string) => {
    const lines = (came + text).split('\r\n')
    came = lines.pop()!
    replies.push(...lines.filter((line) => /^\d{3}(?: |$)/.test(line)))
    wake?.()
  })
  socket.once('close', () => {
    replies.push('closed')
    wake?.()
  })
  const hear = async (): Promise<string> => {
    while (replies.length === 0) await new Promise<void>((resolve) => (wake = resolve))
    return replies.shift()!
  }
  const say = async (...lines: readonly string[]): Promise<string> => {
    let last = ''
    for (const line of lines) {
      socket.write(`${line}\r\n`)
      last = await hear()
    }
    return last
  }
  await once(socket, 'connect')
  await hear()
  await say('EHLO tests')
  return { socket, say, hear }
}

export const mailOf = (subject: string, ...more: readonly string[]): string =>
  [`From: Sori <sori@home.example>`, `To: desk@shop.example`, `Subject: ${subject}`, ...more, '', 'Hello'].join('\r\n')

/** Sends one mail; resolves with the answer. */
export async function deliver(
  { say }: Speaker,
  mail: string,
  { from = 'sori@home.example', to = 'desk@shop.example' } = {},
): Promise<string> {
  await say(`MAIL FROM:<${from}>`, `RCPT TO:<${to}>`, 'DATA')
  return say(`${mail}\r\n.`)
}
