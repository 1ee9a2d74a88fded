import { DeclaredError, type AnyOperation, type Status } from 'dure/contract'
import { wireOf } from 'dure/contract/internal'
import type { System } from 'dure/service'
import type { StoryAnswer, StoryRecord } from 'dure/story'
import { filled, HIDDEN } from './message.ts'

type Service = System['services'][number]

/** Services that answer what the story says they answered, as long as it says so: what they had in their stores is not in it. */
export function withAnswers(
  services: readonly Service[],
  { story, live }: { readonly story: StoryRecord; readonly live: readonly string[] },
): readonly Service[] {
  const answers = Map.groupBy(
    story.messages
      .flatMap(({ reactions }) => reactions.flatMap(({ calls }) => calls))
      .filter(({ outcome, service }) => outcome !== 'open' && !live.includes(service))
      .toSorted((a, b) => a.time - b.time),
    ({ service, operation }) => `${service}.${operation}`,
  )
  return services.map((service): Service => {
    const { name, operations } = service.contract
    const own = Object.entries(service.handlers).map(([operation, handler]) => {
      const recorded = answers.get(`${name}.${operation}`)
      const definition = (operations as Readonly<Record<string, AnyOperation>>)[operation]
      return [operation, recorded === undefined ? handler : answering(recorded, definition!, handler)] as const
    })
    return { ...service, handlers: Object.fromEntries(own) }
  })
}

/** One after the other; whoever asks on hears the last. */
function answering(
  recorded: readonly StoryAnswer[],
  definition: AnyOperation,
  handler: Service['handlers'][string],
): typeof handler {
  const left = [...recorded]
  return (input, context) => {
    const next = left.length > 1 ? left.shift() : left[0]
    if (next === undefined) return handler(input, context)
    if (next.outcome === 'answered')
      return wireOf(definition.output, 'output').fromJson(filled(next.answer, definition.output, 'output'))
    const { code, message, status, data } = next.answer as Refusal
    const schema = Object.values(definition.errors as Declared).find((one) => one.code === code)?.data
    // Where it is known from what failed alone, its data are not.
    const known = data === undefined && schema !== undefined ? HIDDEN : data
    throw new DeclaredError({ code, message, status, data: wireOf(schema, 'output').fromJson(filled(known, schema, 'output')) })
  }
}

type Refusal = { readonly code: string; readonly message: string; readonly status: Status; readonly data: unknown }
type Declared = Readonly<Record<string, { readonly code: string; readonly data: AnyOperation['output'] }>>
