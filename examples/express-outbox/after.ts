import type { Pool } from 'pg'
import { transactionOn } from '@dure/postgres'
import { createPublisher, outboxSchema, pollingRelay, type PollingRelay } from '@dure/postgres/outbox'
import { createInbox, inboxTable } from 'dure/inbox'
import { realRuntime } from 'dure/runtime'
import type { Request, Response } from 'express'

type Message = { readonly id: string; readonly type: string; readonly key: string; readonly data: string }

const publish = createPublisher({ source: 'shop' })
const inbox = createInbox({ runtime: realRuntime() })
export const migration = `${outboxSchema} ${inboxTable};`
export function relay(connection: string, send: (message: Message) => Promise<void>): PollingRelay {
  const deliver = async (messages: readonly Message[]): Promise<void> => {
    for (const message of messages) await send(message)
  }
  return pollingRelay({ connection, deliver })
}

/** POST /orders. The order and its message are in the same transaction. */
export function placeOrder(pool: Pool): (request: Request, response: Response) => Promise<void> {
  return async (request, response) => {
    const { sku, quantity } = request.body as { sku: string; quantity: number }
    const client = await pool.connect()
    try {
      await client.query('BEGIN')
      const { rows } = await client.query('INSERT INTO orders (sku, quantity) VALUES ($1, $2) RETURNING id', [sku, quantity])
      const id = String(rows[0].id)
      await publish(client, { type: 'order.placed', key: id, data: { id, sku, quantity } })
      await client.query('COMMIT')
      response.status(201).json({ id })
    } catch (error) {
      await client.query('ROLLBACK')
      response.status(500).json({ error: (error as Error).message })
    } finally {
      client.release()
    }
  }
}

/** What another application does with the message. A message that comes twice has its effect once. */
export function onMessage(pool: Pool): (message: Message) => Promise<void> {
  return async (message) => {
    const client = await pool.connect()
    try {
      await client.query('BEGIN')
      const { id } = JSON.parse(message.data) as { id: string }
      if (await inbox.mark(transactionOn(client), 'letters', message.id)) {
        await client.query('INSERT INTO letters (order_id) VALUES ($1)', [id])
      }
      await client.query('COMMIT')
    } catch (error) {
      await client.query('ROLLBACK')
      throw error
    } finally {
      client.release()
    }
  }
}
