import { z } from 'zod'

/** A message without its data, which may be long. Times are milliseconds since the epoch. */
export type MessageHead = {
  id: string
  source: string
  type: string
  key: string
  time: number
  schemaVersion: number
  correlationId: string
  causationId?: string | undefined
  traceparent?: string | undefined
  topic?: string | undefined
  headers?: Record<string, string> | undefined
  contentType?: string | undefined
  replyTo?: string | undefined
  sequence?: number | undefined
  initiator?: string | undefined
  delay?: number | undefined
}
/** `data`: JSON as text. */
export type Message = MessageHead & { data: string }

const head = {
  ...{ id: z.string(), source: z.string(), type: z.string(), key: z.string(), time: z.number(), schemaVersion: z.number() },
  ...{ correlationId: z.string(), causationId: z.string().optional(), traceparent: z.string().optional() },
  ...{ topic: z.string().optional(), headers: z.record(z.string(), z.string()).optional(), contentType: z.string().optional() },
  ...{ replyTo: z.string().optional(), sequence: z.number().optional(), initiator: z.string().optional() },
  delay: z.number().optional(),
}

export const MessageHead: z.ZodType<MessageHead> = z.object(head)
export const Message: z.ZodType<Message> = z.object({ ...head, data: z.string() })
