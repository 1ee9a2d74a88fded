import { autocomplete, isCancel, text } from '@clack/prompts'
import { askListing } from '../control/control.ts'
import { CliError, EXIT } from '../shell.ts'

/** Asks a person at a terminal which operation to call, and with what. */
export async function chooseCall(directory: string): Promise<{ readonly name: string; readonly input: string | undefined }> {
  const { services } = await askListing(directory)
  const options = services.flatMap((service) =>
    service.operations.map(({ name, kind }) => ({ value: `${service.name}.${name}`, hint: kind })),
  )
  const name = await autocomplete({ message: 'Which operation?', options, maxItems: 12, output: process.stderr })
  if (isCancel(name)) throw cancelled()
  const input = await text({
    message: 'Its input as JSON',
    placeholder: 'empty for none',
    validate: problemOf,
    output: process.stderr,
  })
  if (isCancel(input)) throw cancelled()
  return { name, input: input === '' || input === undefined ? undefined : input }
}

function problemOf(given: string | undefined): string | undefined {
  try {
    if (given !== undefined && given !== '') JSON.parse(given)
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

const cancelled = (): CliError => new CliError('Nothing was called', { exitCode: EXIT.failed })
