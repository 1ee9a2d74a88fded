/** The page of the chat: `/chat?room=…&name=…`. */
import { connect } from '@dure/socket/client'
import { Chat } from '../contract.ts'

const asked = new URL(location.href).searchParams
const room = asked.get('room') ?? 'lobby'
const name = asked.get('name') ?? 'somebody'
const element = (id) => document.querySelector(`#${id}`)

const { client } = connect({
  url: `ws://${location.hostname}:${document.body.dataset['port']}/socket`,
  contract: Chat,
  onState: (state) => (element('state').textContent = state),
})

async function listen() {
  const again = (last) => ({ room, after: last?.n ?? 0 })
  for await (const { name, text } of client.listen({ room, after: 0 }, { again })) {
    const line = document.createElement('li')
    line.textContent = `${name}: ${text}`
    element('messages').append(line)
  }
}

async function watch() {
  for await (const names of client.presence({ room, name }, { again: () => ({ room, name }) }))
    element('here').textContent = names.join(', ')
}

document.querySelector('form').addEventListener('submit', (event) => {
  event.preventDefault()
  const input = element('text')
  // The key makes it safe to send again when the server has gone in between.
  void client.say({ room, name, text: input.value }, { idempotencyKey: crypto.randomUUID(), timeout: 120_000 })
  input.value = ''
})
void listen()
void watch()
