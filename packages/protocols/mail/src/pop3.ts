/** A mailbox over POP3 (RFC 1939, RFC 2595): the few commands that it takes to empty one. */
import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { connect as connectTls, type ConnectionOptions } from 'node:tls'
import type { Runtime } from 'dure/runtime'
import { accountOf, type Account } from './account.ts'
import type { MailLimits } from './limits.ts'
import type { Mailbox } from './mailbox-port.ts'

type Session = {
  /** Sends a command; resolves with what the server says, of several lines to the end of them. @throws {Error} when it says no */
  readonly ask: (command: string | undefined, most?: number) => Promise<Buffer>
  readonly secure: (options: ConnectionOptions) => Promise<void>
  readonly close: () => void
}

/** Milliseconds in which a server says something. */
const SILENCE = 30_000
const LINE = 4_096
const LISTING = 16_777_216
const END = '\r\n.\r\n'

export function pop3Mailbox(
  account: Account,
  { limits, runtime }: { readonly limits: MailLimits; readonly runtime: Runtime },
): Mailbox {
  let session: Session | undefined
  /** Numbers are of one session. */
  let numbers: ReadonlyMap<string, string> = new Map()
  let sizes: ReadonlyMap<string, number> = new Map()

  const ready = async (): Promise<Session> => {
    if (session !== undefined) return session
    const next = await logIn(account)
    try {
      const pairs = (bytes: Buffer): string[][] =>
        bytes
          .toString('latin1')
          .split('\r\n')
          .filter(Boolean)
          .map((line) => line.split(' '))
      numbers = new Map(pairs(await next.ask('UIDL', LISTING)).map(([number, uid]) => [uid!, number!]))
      sizes = new Map(pairs(await next.ask('LIST', LISTING)).map(([number, size]) => [number!, Number(size)]))
    } catch (error) {
      next.close()
      throw error
    }
    return (session = next)
  }
  const close = (): void => {
    session?.close()
    session = undefined
  }

  return {
    list: async () => {
      await ready()
      return [...numbers.keys()]
    },
    read: async (uid) => {
      const { ask } = await ready()
      const number = numbers.get(uid)
      if (number === undefined) return 'gone'
      if ((sizes.get(number) ?? 0) > limits.size) return 'large'
      // What is stuffed with dots may be a half longer.
      return ask(`RETR ${number}`, limits.size * 1.5 + LINE)
    },
    mark: async (uid, as) => {
      const { ask } = await ready()
      const number = numbers.get(uid)
      if (as === 'taken' && number !== undefined) await ask(`DELE ${number}`)
    },
    // What is deleted is so once the session ends in order; until then the server lets nobody else in.
    keep: async () => {
      await session?.ask('QUIT')
      close()
    },
    wait: (ms, signal) => runtime.timers.sleep(ms, signal),
    close,
  }
}

async function logIn(account: Account): Promise<Session> {
  const { host, port, tls, ca, user = '', pass } = await accountOf(account, { plain: 110, implicit: 995, usual: 'implicit' })
  // A line break in them would be another command.
  // oxlint-disable-next-line no-control-regex
  if (/[\u0000-\u001f\u007f]/.test(user + pass)) throw new Error('Cannot log in: user or password holds a control character')
  const secured = { host, ca, ...(isIP(host) === 0 && { servername: host }) }
  const session = sessionOn(tls === 'implicit' ? connectTls({ ...secured, port }) : connectTcp({ host, port }))
  try {
    await session.ask(undefined)
    if (tls === 'starttls') {
      await session.ask('STLS')
      await session.secure(secured)
    }
    await session.ask(`USER ${user}`)
    await session.ask(`PASS ${pass}`)
    return session
  } catch (error) {
    session.close()
    throw error
  }
}

/** One command at a time: what comes belongs to it, so its end is the end of what came. */
function sessionOn(first: Socket): Session {
  let socket = first
  let chunks: Buffer[] = []
  let size = 0
  let failed: Error | undefined
  let changed = (): void => {}

  const listen = (): void => {
    socket.setTimeout(SILENCE, () => socket.destroy(new Error(`The server has said nothing for ${SILENCE} ms`)))
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      size += chunk.length
      changed()
    })
    socket.on('error', (error) => (failed ??= error))
    socket.on('close', () => {
      failed ??= new Error('The server has ended the connection')
      changed()
    })
  }
  listen()

  const answer = async (isWhole: (tail: string) => boolean, most: number): Promise<Buffer> => {
    for (;;) {
      const tail = Buffer.concat(chunks.slice(-END.length)).subarray(-END.length).toString('latin1')
      if (size > most) socket.destroy((failed = new Error(`The server has said more than ${most} bytes`)))
      if (failed !== undefined) throw failed
      if (isWhole(tail)) break
      await new Promise<void>((resolve) => (changed = resolve))
    }
    const bytes = Buffer.concat(chunks)
    chunks = []
    size = 0
    return bytes
  }

  return {
    ask: async (command, most) => {
      if (failed !== undefined) throw failed
      if (command !== undefined) socket.write(`${command}\r\n`)
      const refused = (): boolean => chunks[0]?.[0] === '-'.charCodeAt(0)
      const bytes = await answer((tail) => tail.endsWith(most === undefined || refused() ? '\r\n' : END), most ?? LINE)
      const text = bytes.toString('latin1')
      const line = text.slice(0, text.indexOf('\r\n'))
      // What was asked holds the password.
      if (!line.startsWith('+OK'))
        throw new Error(`The server refuses "${command?.split(' ')[0] ?? 'to begin'}": ${line.slice(0, 200)}`)
      if (most === undefined) return bytes
      // Lines that begin with a dot have one more.
      return Buffer.from(text.slice(line.length, -3).replaceAll('\r\n..', '\r\n.').slice(2), 'latin1')
    },
    secure: (options) =>
      new Promise((resolve, reject) => {
        socket.removeAllListeners('data')
        socket = connectTls({ ...options, socket }, resolve)
        socket.once('error', reject)
        listen()
      }),
    close: () => void socket.destroy(),
  }
}
