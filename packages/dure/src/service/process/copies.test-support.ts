/** A desk without a store, of which there may be copies; as a program, one process of it. */
import { z } from 'zod'
import { command, contract, query } from '../../contract/contract.ts'
import { realRuntime } from '../../runtime/runtime.ts'
import { service, system, type Door, type System } from '../service.ts'
import { runPart } from './supervised-system.test-support.ts'

export const Desk = contract('desk', {
  version: '1.0.0',
  owner: 'tests',
  operations: { look: query({ output: z.int() }), file: command({ output: z.int() }) },
})

const { timers } = realRuntime()
const answer = async (): Promise<number> => {
  await timers.sleep(2)
  return process.pid
}

export const desk = (doors: readonly Door[] = []): System =>
  system('desks', { services: [service(Desk, { handlers: { look: answer, file: answer } })], doors })

await runPart(desk())
