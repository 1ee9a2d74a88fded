/** Mail that is sent because of a message: with the transaction that published it, or not at all. */
import type { AnyEvent } from 'dure/contract'
import { NonRetryableError, type RetryPolicy } from 'dure/messaging'
import type { ReactionOptions, ReceivedEvent } from 'dure/service'
import { createTransport, type NodemailerError, type SMTPTransportOptions } from 'nodemailer'
import { accountOf, type Account } from './account.ts'
import { composed, type Letter } from './letter.ts'

export type SendMailOptions<E extends AnyEvent, Context> = {
  /** Name of the reaction, and part of the Message-ID. Default: the event's name. */
  readonly name?: string
  /** The server that takes mails; `starttls` at port 587 unless it says otherwise. */
  readonly server: Account
  /** Whom letters are from: `Shop <orders@shop.example>`. */
  readonly from: string
  /** The letter; undefined: none is sent. */
  readonly letter: (event: ReceivedEvent<E>) => Letter | undefined
  /** What is done in the transaction that marks the message, once its letter has been taken; `messageId` is undefined when none was sent. */
  readonly sent?: (event: ReceivedEvent<E>, context: Context, messageId: string | undefined) => Promise<void> | void
  /** Default: 20 tries over some three quarters of an hour, then it is a dead letter. */
  readonly retry?: Partial<RetryPolicy>
}

type Handled<E extends AnyEvent> = ReturnType<ReactionOptions<E, {}, unknown, unknown>['handle']>

/** What `on` and `work` take: a reaction that sends. */
export type SentMail<E extends AnyEvent, Context> = {
  readonly name?: string
  readonly retry: Partial<RetryPolicy>
  readonly prepare: (event: ReceivedEvent<E>) => Promise<string | undefined>
  readonly handle: (event: ReceivedEvent<E>, context: Context, messageId: string | undefined) => Handled<E>
}

const RETRY: Partial<RetryPolicy> = { attempts: 20, first: 1_000, factor: 2, max: 300_000 }

/**
 * Sends a letter because of an event, or of work in a queue. What commits with the event is sent at least once, under one `Message-ID`: twice
 * where the process ends after the server has taken the letter and before the message is marked. What the server refuses for good
 * is a dead letter; whatever else fails is tried again.
 *
 * @example
 * ```ts
 * import { sendMail } from '@dure/mail'
 * import { contract, event } from 'dure/contract'
 * import { database } from 'dure/data'
 * import { service } from 'dure/service'
 * import { z } from 'zod'
 *
 * const OrderPlaced = event('order.placed', { schema: z.object({ id: z.string(), email: z.email() }), key: ({ id }) => id })
 * const Letters = contract('letters', { version: '1.0.0', owner: 'team-shop', operations: {} })
 * const letters = service(Letters, {
 *   database: database({ migrations: {} }),
 *   handlers: {},
 *   subscriptions: ({ on }) => [
 *     on(
 *       OrderPlaced,
 *       sendMail({
 *         server: { host: 'smtp.shop.example', user: 'shop', password: () => process.env['SMTP_PASSWORD'] ?? '' },
 *         from: 'Shop <orders@shop.example>',
 *         letter: ({ data }) => ({ to: data.email, subject: `Your order ${data.id}`, text: 'Thank you.' }),
 *       }),
 *     ),
 *   ],
 * })
 * console.log(letters.reactions[0]?.name) // → order.placed
 * ```
 */
export function sendMail<E extends AnyEvent, Context>(options: SendMailOptions<E, Context>): SentMail<E, Context> {
  const { name, server, from, letter, sent, retry } = options
  return {
    ...(name !== undefined && { name }),
    retry: { ...RETRY, ...retry },
    prepare: async (event) => {
      const one = letter(event)
      if (one === undefined) return undefined
      const mail = composed(one, { from, name: name ?? event.type, cause: event })
      const transport = createTransport(await transportOf(server))
      try {
        await transport.sendMail(mail)
      } catch (error) {
        throw isFinal(error as NodemailerError) ? new NonRetryableError((error as Error).message, { cause: error }) : error
      } finally {
        transport.close()
      }
      return mail.messageId
    },
    handle: (event, context, messageId) => sent?.(event, context, messageId) as Handled<E>,
  }
}

async function transportOf(account: Account): Promise<SMTPTransportOptions> {
  const { host, port, tls, ca, user, pass } = await accountOf(account, { plain: 587, implicit: 465 })
  return {
    ...{
      host,
      port,
      secure: tls === 'implicit',
      requireTLS: tls === 'starttls',
      ignoreTLS: tls === 'off',
      tls: ca === undefined ? {} : { ca },
    },
    ...(user !== undefined && { auth: { user, pass } }),
    // Together within the time that one message has.
    ...{ connectionTimeout: 10_000, greetingTimeout: 10_000, socketTimeout: 20_000, dnsTimeout: 5_000 },
  }
}

/** What another try cannot help: the server has refused the letter itself, and not this client. */
function isFinal({ code, responseCode, command }: NodemailerError): boolean {
  if (code !== 'EENVELOPE' && code !== 'EMESSAGE') return false
  if (responseCode === undefined) return command === 'API' || code === 'EMESSAGE'
  return responseCode >= 500 && !/^53\d$/.test(String(responseCode))
}
