/**
 * gRPC's own service for programs of different languages to try each other, as a contract: those of its fields that its clients look at.
 * https://github.com/grpc/grpc/blob/master/doc/interop-test-descriptions.md
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { CallError, channel, command, contract, error, query, stream } from 'dure/contract'
import { service, start, system } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { z } from 'zod'
import { grpc } from './grpc.ts'

const Payload = z.object({ body: z.instanceof(Uint8Array) }).meta({ id: 'Payload' })
const EchoStatus = z.object({ code: z.int32(), message: z.string() }).meta({ id: 'EchoStatus' })
const ResponseParameters = z.object({ size: z.int32(), intervalUs: z.int32() }).meta({ id: 'ResponseParameters' })
const asked = { payload: Payload.optional(), responseStatus: EchoStatus.optional() }
const OutputRequest = z
  .object({ responseParameters: z.array(ResponseParameters), ...asked })
  .meta({ id: 'StreamingOutputCallRequest' })
const OutputResponse = z.object({ payload: Payload }).meta({ id: 'StreamingOutputCallResponse' })
/** The one status that is asked for. */
const Echoed = error('ECHOED', { status: 'UNKNOWN', data: EchoStatus, message: ({ message }) => message })

const TestService = contract('interop', {
  version: '1.0.0',
  owner: 'tests',
  operations: {
    emptyCall: command({ idempotent: true }),
    unaryCall: query({
      input: z.object({ responseSize: z.int32(), fillServerId: z.boolean(), ...asked }).meta({ id: 'SimpleRequest' }),
      output: z.object({ payload: Payload, serverId: z.string() }).meta({ id: 'SimpleResponse' }),
      errors: { Echoed },
    }),
    streamingOutputCall: stream({ input: OutputRequest, output: OutputResponse, errors: { Echoed } }),
    streamingInputCall: channel({
      incoming: z.object({ payload: Payload.optional() }).meta({ id: 'StreamingInputCallRequest' }),
      output: z.object({ aggregatedPayloadSize: z.int32() }).meta({ id: 'StreamingInputCallResponse' }),
    }),
    fullDuplexCall: channel({ incoming: OutputRequest, output: OutputResponse, errors: { Echoed } }),
  },
  // As grpc/testing/messages.proto has them.
  numbers: {
    Payload: { body: 2 },
    EchoStatus: { code: 1, message: 2 },
    ResponseParameters: { size: 1, intervalUs: 2 },
    SimpleRequest: { responseSize: 2, payload: 3, responseStatus: 7, fillServerId: 9 },
    SimpleResponse: { payload: 1, serverId: 4 },
    StreamingOutputCallRequest: { responseParameters: 2, payload: 3, responseStatus: 7 },
    StreamingOutputCallResponse: { payload: 1 },
    StreamingInputCallRequest: { payload: 1 },
    StreamingInputCallResponse: { aggregatedPayloadSize: 1 },
    ...{ 'unaryCall errors': { ECHOED: 1 }, 'streamingOutputCall errors': { ECHOED: 1 }, 'fullDuplexCall errors': { ECHOED: 1 } },
  },
})

const bytes = (size: number): { readonly payload: { readonly body: Uint8Array<ArrayBuffer> } } => ({
  payload: { body: new Uint8Array(size) },
})

function refuse(status: z.infer<typeof EchoStatus> | undefined): void {
  if (status === undefined || status.code === 0) return
  if (status.code === 2) throw Echoed(status)
  throw new CallError('UNIMPLEMENTED', `Cannot echo the status ${status.code}: only 2 is declared`)
}

async function* outputs({ responseParameters, responseStatus }: z.infer<typeof OutputRequest>) {
  refuse(responseStatus)
  for (const { size, intervalUs } of responseParameters) {
    if (intervalUs > 0) await sleep(intervalUs / 1000)
    yield bytes(size)
  }
}

const interop = service(TestService, {
  handlers: {
    emptyCall: () => undefined,
    unaryCall: ({ responseSize, responseStatus, fillServerId }) => {
      refuse(responseStatus)
      return { ...bytes(responseSize), serverId: fillServerId ? 'dure' : '' }
    },
    streamingOutputCall: outputs,
    streamingInputCall: async function* (_, incoming) {
      let sum = 0
      for await (const { payload } of incoming) sum += payload?.body.length ?? 0
      yield { aggregatedPayloadSize: sum }
    },
    fullDuplexCall: async function* (_, incoming) {
      for await (const one of incoming) yield* outputs(one)
    },
  },
})

/** Of grpc-go's client, all that need no cloud and no balancer's reports. */
const CASES = [
  ...['empty_unary', 'large_unary', 'client_streaming', 'server_streaming', 'ping_pong', 'empty_stream'],
  ...['timeout_on_sleeping_server', 'cancel_after_begin', 'cancel_after_first_response', 'status_code_and_message'],
  ...['special_status_message', 'unimplemented_method', 'unimplemented_service', 'pick_first_unary', 'rpc_soak', 'channel_soak'],
]
const NOT_ASKED: Readonly<Record<string, string>> = {
  custom_metadata: 'handlers of a contract neither see nor send headers and trailers of one protocol',
  'orca_per_rpc, orca_oob': 'there are no reports of load for balancers',
}

/** Each case, in words, and what is wrong with it. @param client grpc-go's `interop/client` */
export async function interopCases(client: string, tell: (what: string, wrong: string | undefined) => void): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'dure-grpc-interop-'))
  const doors = [grpc({ port: 0, names: { interop: { package: 'grpc.testing', service: 'TestService' } } })]
  const options = { directory, log: silentLogger() }
  const running = await start(system('interop', { services: [interop], doors, security: 'off' }), options)
  // A machine that has much to do is slow, and no case is about that.
  const soak = ['-soak_per_iteration_max_acceptable_latency_ms=60000', '-soak_overall_timeout_seconds=120']
  try {
    const { hostname, port } = new URL(running.doors[0]!.url!)
    for (const name of CASES) {
      const words = [`-server_host=${hostname}`, `-server_port=${port}`, `-test_case=${name}`, ...soak]
      const child = spawn(client, words, { stdio: ['ignore', 'ignore', 'pipe'], timeout: 180_000 })
      const [said, [code]] = await Promise.all([text(child.stderr), once(child, 'close') as Promise<[number | null]>])
      tell(name, code === 0 ? undefined : said.trim() || `it ended with ${code}`)
    }
  } finally {
    await running.stop()
    rmSync(directory, { recursive: true, force: true })
  }
  for (const [name, why] of Object.entries(NOT_ASKED)) console.log(`– ${name}: not asked; ${why}`)
}
