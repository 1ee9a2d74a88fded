import { once } from 'node:events'
import rhea from 'rhea'

/** A durable message in a queue, told to be safe. */
export async function send(port: number, queue: string): Promise<void> {
  const connection = connect(port)
  const sender = connection.open_sender({ target: { address: queue, durable: 2 } })
  await once(sender, 'sendable')
  sender.send({ body: 'first', durable: true })
  await once(sender, 'accepted')
  await end(connection)
}

/** Whether a message is in a queue; it stays there. */
export async function holds(port: number, queue: string): Promise<boolean> {
  const connection = connect(port)
  const receiver = connection.open_receiver({ source: { address: queue, durable: 2 }, credit_window: 0, autoaccept: false })
  await once(receiver, 'receiver_open')
  receiver.add_credit(1)
  receiver.drain_credit()
  const found = await Promise.race([
    once(receiver, 'message').then(([{ delivery }]) => {
      ;(delivery as rhea.Delivery).release({ delivery_failed: false })
      return true
    }),
    once(receiver, 'receiver_drained').then(() => false),
  ])
  await end(connection)
  return found
}

function connect(port: number): rhea.Connection {
  return rhea.create_container().connect({ port, host: '127.0.0.1', reconnect: false, username: 'guest', password: 'guest' })
}

async function end(connection: rhea.Connection): Promise<void> {
  connection.close()
  await once(connection, 'connection_close')
}
