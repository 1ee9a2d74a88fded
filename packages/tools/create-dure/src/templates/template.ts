/** What a template's files are made of. */
export type Template = (options: {
  readonly name: string
  /** The text of the project's language. */
  readonly say: (en: string, ko: string) => string
}) => {
  readonly files: Readonly<Record<string, string>>
  /** Shell commands to try while it runs, each with what it shows. */
  readonly tries: readonly { readonly command: string; readonly shows: string }[]
}

export type Say = Parameters<Template>[0]['say']
