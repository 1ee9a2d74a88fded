import { z } from 'zod'

const head = {
  ...{ id: z.string(), source: z.string(), type: z.string(), key: z.string(), time: z.number(), schemaVersion: z.number() },
  ...{ correlationId: z.string(), causationId: z.string().optional(), traceparent: z.string().optional() },
  ...{ topic: z.string().optional(), headers: z.record(z.string(), z.string()).optional(), contentType: z.string().optional() },
  ...{ replyTo: z.string().optional(), sequence: z.number().optional(), initiator: z.string().optional() },
  delay: z.number().optional(),
}

/** A message without its data, which may be long. Times are milliseconds since the epoch. */
export const MessageHead = z.object(head)
/** `data`: JSON as text. */
export const Message = z.object({ ...head, data: z.string() })
