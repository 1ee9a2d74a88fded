import { command, contract, query, stream } from 'dure/contract'
import { z } from 'zod'

const Room = z.string().min(1).max(40)
const Message = z.object({ n: z.int(), name: z.string(), text: z.string() })
const DAY = 86_400_000

export const Chat = contract('chat', {
  version: '1.0.0',
  owner: 'team-chat',
  operations: {
    /** With an idempotency key it is said once, however often it is sent. */
    say: command({ input: z.object({ room: Room, name: z.string(), text: z.string().max(1_000) }), output: z.int() }),
    history: query({ input: z.object({ room: Room }), output: z.array(Message) }),
    /** What is said after message `after`, in order, and all that follows. */
    listen: stream({ input: z.object({ room: Room, after: z.int() }), output: Message, deadline: DAY }),
    /** Who is there: whoever has this open is. */
    presence: stream({ input: z.object({ room: Room, name: z.string() }), output: z.array(z.string()), deadline: DAY }),
  },
})
