import 'reflect-metadata'
import { randomUUID } from 'node:crypto'
import { Body, Controller, HttpCode, Inject, Injectable, Module, Post, type OnApplicationShutdown } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { Pool, type PoolClient } from 'pg'
import { transactionOn } from '@dure/postgres'
import { createPublisher, outboxSchema, pollingRelay } from '@dure/postgres/outbox'
import { createInbox, inboxTable } from 'dure/inbox'
import { resilient } from 'dure/resilience'
import { realRuntime } from 'dure/runtime'

const { DATABASE_URL, RATES_URL, EVENTS_URL, PORT = '3000' } = process.env
const publish = createPublisher({ source: 'shop' })
const inbox = createInbox({ runtime: realRuntime() })
const ask = resilient(fetch, { timeout: 5_000, tryTimeout: 1_000 })

type Order = { sku: string; price: number; currency: string }
type Event = { id: string; type: string; data: string }

@Injectable()
class Database implements OnApplicationShutdown {
  readonly pool = new Pool({ connectionString: DATABASE_URL })

  async onModuleInit(): Promise<void> {
    await this.pool.query(`${outboxSchema} ${inboxTable};
      CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY, sku TEXT NOT NULL, euros NUMERIC NOT NULL);
      CREATE TABLE IF NOT EXISTS letters (order_id TEXT NOT NULL)`)
  }

  async inTransaction<T>(work: (client: PoolClient) => Promise<T>): Promise<T> {
    const client = await this.pool.connect()
    try {
      await client.query('BEGIN')
      const result = await work(client)
      await client.query('COMMIT')
      return result
    } catch (error) {
      await client.query('ROLLBACK')
      throw error
    } finally {
      client.release()
    }
  }

  async onApplicationShutdown(): Promise<void> {
    await this.pool.end()
  }
}

@Injectable()
class Neighbours {
  /** What a currency is worth, as a provider says. */
  async rateOf(currency: string): Promise<number> {
    const answer = await ask(`${RATES_URL}/${currency}`)
    if (!answer.ok) throw new Error(`Asking for the rate of "${currency}" failed: the provider answered ${answer.status}`)
    return Number(await answer.text())
  }

  readonly relay = pollingRelay({
    connection: DATABASE_URL!,
    deliver: async (messages) => {
      for (const { id, type, data } of messages) await this.tell({ id, type, data })
    },
  })
  beforeApplicationShutdown = () => this.relay.stop()

  /** Tells another application of an event. */
  async tell(event: Event): Promise<void> {
    const headers = { 'content-type': 'application/json' }
    const answer = await fetch(EVENTS_URL!, { method: 'POST', headers, body: JSON.stringify(event) })
    if (!answer.ok) throw new Error(`Telling of an event failed: it was answered with ${answer.status}`)
  }
}

@Controller()
class Shop {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(Neighbours) private readonly neighbours: Neighbours,
  ) {}

  @Post('orders')
  async place(@Body() { sku, price, currency }: Order): Promise<object> {
    const euros = price * (await this.neighbours.rateOf(currency))
    const order = { id: randomUUID(), sku, euros }
    await this.database.inTransaction(async (client) => {
      await client.query('INSERT INTO orders (id, sku, euros) VALUES ($1, $2, $3)', [order.id, sku, euros])
      await publish(client, { type: 'order.placed', key: order.id, data: order })
    })
    return order
  }

  @Post('events')
  @HttpCode(204)
  async handle(@Body() event: Event): Promise<void> {
    await this.database.inTransaction(async (client) => {
      if (!(await inbox.mark(transactionOn(client), 'letters', event.id))) return
      await client.query('INSERT INTO letters (order_id) VALUES ($1)', [JSON.parse(event.data).id])
    })
  }
}

@Module({ controllers: [Shop], providers: [Database, Neighbours] })
class ShopModule {}

const app = await NestFactory.create(ShopModule, { logger: ['error'] })
await app.enableShutdownHooks().listen(Number(PORT))
console.log(await app.getUrl())
