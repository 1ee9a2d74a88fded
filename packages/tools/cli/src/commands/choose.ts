import type { Command } from '@stricli/core'
import { ALL_NEEDS, chooseStyle, COMPLEXITIES, INDEPENDENCES, NEEDS, type Asked } from '../choose/choose.ts'
import type { Shell } from '../shell.ts'
import { defineCommand, jsonFlag, parsedFlag, printResult, switchFlag, wholeNumber } from './parameters.ts'

const LANGS = ['en', 'ko'] as const

export const chooseCommand: Command<Shell> = defineCommand({
  brief: 'Help to choose how services talk to each other and to the world',
  help: `
        Chooses among a local call, the binary call between processes, REST, gRPC, GraphQL, WebSocket, lines over TCP, events and queues,
        Thrift, mail, SOAP and datagrams: the simplest that meets all that is asked. It says why, what it costs, what speaks against it,
        and what would change it. Where somebody sits at a terminal and nothing is said, it asks.

        With --measure a small contract is called over each of them on this machine, client and server in one process, one call at a
        time and then 16: how long 50 and 99 of 100 take, calls a second, bytes on the wire. Numbers given beside it choose by these.

        Needs, by what the system is to do: ${ALL_NEEDS.map((need) => `${need} (${NEEDS[need].en})`).join(', ')}.`,
  examples: [
    'dure choose',
    'dure choose --need answer,browser --response-time 50',
    'dure choose --need tell --independence time --lang ko',
    'dure choose --need answer --independence release --throughput 5000 --json',
    'dure choose --measure',
  ],
  flags: {
    responseTime: parsedFlag(wholeNumber(0, 86_400_000), 'MS', 'Within how many milliseconds 99 of 100 must be there'),
    throughput: parsedFlag(wholeNumber(0, 1_000_000_000), 'N', 'Calls a second on one core at the busiest time'),
    complexity: {
      kind: 'enum',
      values: COMPLEXITIES,
      optional: true,
      brief: 'What the team takes upon itself, at most (default high)',
    },
    independence: {
      ...{ kind: 'enum', values: INDEPENDENCES, optional: true },
      brief: 'Whether sides are released alone, or go on while the other is down (default none)',
    },
    need: { kind: 'enum', values: ALL_NEEDS, optional: true, variadic: ',', brief: 'What it is for (default answer)' },
    lang: { kind: 'enum', values: LANGS, optional: true, brief: 'Language of the answer (default that of the terminal)' },
    measure: switchFlag('Measure every style on this machine, and choose by these numbers'),
    seconds: parsedFlag(wholeNumber(1, 60), 'N', 'With --measure: twice so long for each style (default 1)'),
    json: jsonFlag,
  },
  positional: { kind: 'tuple', parameters: [] },
  async func(this: Shell, { json, ...asked }: Asked & { readonly json?: boolean }): Promise<void> {
    const chosen = await chooseStyle(this, asked)
    printResult(this, { json }, chosen.json, () => chosen.text)
  },
})
