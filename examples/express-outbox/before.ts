import type { Pool } from 'pg'
import type { Request, Response } from 'express'

type Message = { readonly id: string; readonly type: string; readonly key: string; readonly data: string }

/** POST /orders. Whoever dies between the commit and the message has an order that nobody hears of. */
export function placeOrder(
  pool: Pool,
  send: (message: object) => Promise<void>,
): (request: Request, response: Response) => Promise<void> {
  return async (request, response) => {
    const { sku, quantity } = request.body as { sku: string; quantity: number }
    const client = await pool.connect()
    try {
      await client.query('BEGIN')
      const { rows } = await client.query('INSERT INTO orders (sku, quantity) VALUES ($1, $2) RETURNING id', [sku, quantity])
      const id = String(rows[0].id)
      await client.query('COMMIT')
      await send({ type: 'order.placed', key: id, data: { id, sku, quantity } })
      response.status(201).json({ id })
    } catch (error) {
      await client.query('ROLLBACK')
      response.status(500).json({ error: (error as Error).message })
    } finally {
      client.release()
    }
  }
}

/** What another application does with the message. A message that comes twice is a letter too many. */
export function onMessage(pool: Pool): (message: Message) => Promise<void> {
  return async (message) => {
    const client = await pool.connect()
    try {
      await client.query('BEGIN')
      const { id } = JSON.parse(message.data) as { id: string }
      await client.query('INSERT INTO letters (order_id) VALUES ($1)', [id])
      await client.query('COMMIT')
    } catch (error) {
      await client.query('ROLLBACK')
      throw error
    } finally {
      client.release()
    }
  }
}
