import { event } from 'dure/contract'
import { z } from 'zod'
import { InstanceId, Text } from './values.ts'

export const MarkType = z.enum(['CUSTOMER_SESSION', 'PRICE_UPDATE', 'UPDATE_PRODUCT', 'UPDATE_DELIVERY'])
export const MarkStatus = z.enum(['SUCCESS', 'ERROR', 'ABORT', 'NOT_ACCEPTED'])

/** Says that a business transaction has ended, and how. */
export const Mark = z.object({
  tid: InstanceId,
  type: MarkType,
  /** The customer, or the seller, or 0 where nobody in particular acted. */
  actorId: z.int(),
  status: MarkStatus,
  /** The service in which it ended. */
  source: Text,
})
export type Mark = z.output<typeof Mark>

export const TransactionMark = event('transaction.mark', {
  schema: Mark,
  key: (mark) => mark.tid,
  description: 'A business transaction has ended',
})
