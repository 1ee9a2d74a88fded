/** A function of one service, as users write it. */
import { lambdaHandler, serveLambda } from '@dure/lambda'
import { contract, query } from 'dure/contract'
import { service, system } from 'dure/service'
import { z } from 'zod'

const Greeter = contract('greeter', {
  version: '1.0.0',
  owner: 'bench',
  operations: { greet: query({ input: z.object({ name: z.string() }), output: z.string(), http: 'GET /greetings/{name}' }) },
})
const greeter = service(Greeter, { handlers: { greet: ({ name }) => `Hello, ${name}` } })
const directory = process.env['DURE_DATA'] ?? '/tmp/dure'

await serveLambda(lambdaHandler(system('greetings', { services: [greeter] }), { directory, logLevel: 'warn' }))
