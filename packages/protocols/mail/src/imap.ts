/** A mailbox over IMAP. */
import type { Runtime } from 'dure/runtime'
import { ImapFlow } from 'imapflow'
import { accountOf, type Account } from './account.ts'
import type { MailLimits } from './limits.ts'
import type { Mailbox } from './mailbox-port.ts'

export type ImapOptions = {
  /** Default `INBOX`. */
  readonly folder?: string
  /** Where mails go that are done. Default: they stay, marked as read. */
  readonly taken?: string
  /** Where those go that are refused. Default: they stay, marked as read and flagged. */
  readonly refused?: string
}

type Open = { readonly client: ImapFlow; readonly validity: string; gone: boolean }

export function imapMailbox(
  account: Account & ImapOptions,
  { limits, runtime }: { readonly limits: MailLimits; readonly runtime: Runtime },
): Mailbox {
  const { folder = 'INBOX', taken, refused } = account
  let open: Open | undefined
  /** Something has come since the mailbox was listed. */
  let fresh = false
  let wake = (): void => {}

  const connect = async (): Promise<Open> => {
    const { host, port, tls, ca, user = '', pass } = await accountOf(account, { plain: 143, implicit: 993, usual: 'implicit' })
    const client = new ImapFlow({
      ...{ host, port, secure: tls === 'implicit', doSTARTTLS: tls === 'starttls', tls: ca === undefined ? {} : { ca } },
      ...{ auth: { user, pass }, logger: false, disableAutoIdle: true, disableCompression: true },
      ...{ connectionTimeout: 20_000, greetingTimeout: 20_000, socketTimeout: 120_000 },
      // A server cannot fill the memory either.
      ...{ maxLiteralSize: limits.size + 65_536, maxLineLength: 16_777_216, maxResponseSize: limits.size + 33_554_432 },
    })
    const now: Open = { client, validity: '', gone: false }
    // Without a listener an error would end the process; what it stops says so itself.
    client.on('error', () => {})
    client.on('exists', () => {
      fresh = true
      wake()
    })
    client.on('close', () => {
      now.gone = true
      wake()
    })
    try {
      await client.connect()
      const { uidValidity } = await client.mailboxOpen(folder)
      return Object.assign(now, { validity: String(uidValidity) })
    } catch (error) {
      client.close()
      throw error
    }
  }
  const ready = async (): Promise<Open> => {
    if (open === undefined || open.gone) open = await connect()
    return open
  }
  /** Ids are of one state of the mailbox: after another the same numbers may be other mails. */
  const numberOf = (uid: string, { validity }: Open): string | undefined => {
    const [of, number] = uid.split('/')
    return of === validity ? number : undefined
  }

  return {
    list: async () => {
      const now = await ready()
      fresh = false
      const found = await now.client.search({ seen: false }, { uid: true })
      if (!found) throw new Error('Cannot list the mailbox: the server has refused it')
      return found.map((number) => `${now.validity}/${number}`)
    },
    read: async (uid) => {
      const now = await ready()
      const number = numberOf(uid, now)
      if (number === undefined) return 'gone'
      const source = { maxLength: limits.size + 1 }
      const found = await now.client.fetchOne(number, { source }, { uid: true })
      if (found === false || found.source === undefined) return 'gone'
      return found.source.length > limits.size ? 'large' : found.source
    },
    mark: async (uid, as) => {
      const now = await ready()
      const number = numberOf(uid, now)
      if (number === undefined) return
      const place = as === 'taken' ? taken : refused
      const flags = as === 'taken' ? ['\\Seen'] : ['\\Seen', '\\Flagged']
      const marked =
        place === undefined
          ? await now.client.messageFlagsAdd(number, flags, { uid: true })
          : await now.client.messageMove(number, place, { uid: true })
      if (marked === false) throw new Error(`Cannot mark mail "${uid}": the server has refused it`)
    },
    keep: async () => {},
    wait: async (ms, signal) => {
      const now = await ready()
      if (fresh) return
      const over = new AbortController()
      const end = (): void => over.abort()
      wake = end
      signal.addEventListener('abort', end, { once: true })
      // It ends with the next command; where it cannot be, there is the look after `ms`.
      now.client.idle().catch(() => {})
      await runtime.timers.sleep(ms, over.signal)
      signal.removeEventListener('abort', end)
      wake = () => {}
    },
    close: () => {
      open?.client.close()
      open = undefined
    },
  }
}
