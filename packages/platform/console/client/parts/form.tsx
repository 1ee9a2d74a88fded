/** A form drawn from JSON Schema: what is asked for, in the reader's order, with what is wrong beside it. */
import type { JSX } from 'preact'
import type { Schema } from '../api.ts'
import { t } from '../words/words.ts'

/** A schema without its references, and without `null` beside something. */
export function plain(schema: Schema, root: Schema): Schema {
  if (schema.$ref !== undefined) {
    const found = root.$defs?.[schema.$ref.replace(/^#\/\$defs\//, '')]
    return found === undefined || found === schema ? {} : plain(found, root)
  }
  const choices = (schema.anyOf ?? schema.oneOf)?.filter(({ type }) => type !== 'null')
  if (choices?.length === 1) return { ...plain(choices[0]!, root), description: schema.description }
  if (choices !== undefined && choices.every((one) => one.const !== undefined))
    return { ...schema, enum: choices.map((one) => one.const) }
  return schema
}

export const typeOf = ({ type }: Schema): string | undefined =>
  typeof type === 'string' ? type : type?.find((one) => one !== 'null')

/** The fields of an object; `change` is told the whole value. */
export function Form({
  schema,
  root = schema,
  value,
  change,
}: {
  readonly schema: Schema
  readonly root?: Schema
  readonly value: unknown
  readonly change: (value: unknown) => void
}): JSX.Element {
  const { properties = {}, required = [] } = plain(schema, root)
  const given = (value ?? {}) as Readonly<Record<string, unknown>>
  const set = (name: string, next: unknown): void => {
    const { [name]: _, ...rest } = given
    change(next === undefined ? rest : { ...rest, [name]: next })
  }
  return (
    <div class="form">
      {Object.entries(properties).map(([name, own]) => (
        <Field
          key={name}
          name={name}
          schema={plain(own, root)}
          root={root}
          required={required.includes(name)}
          value={given[name]}
          change={(next) => set(name, next)}
        />
      ))}
      {Object.keys(properties).length === 0 && <Raw label={t('form.json')} value={value} change={change} required={false} />}
    </div>
  )
}

type FieldProps = {
  readonly name: string
  readonly schema: Schema
  readonly root: Schema
  readonly required: boolean
  readonly value: unknown
  readonly change: (value: unknown) => void
}

function Field(props: FieldProps): JSX.Element {
  const { name, schema, root, required, value, change } = props
  const type = typeOf(schema)
  if (type === 'object' && schema.properties !== undefined)
    return (
      <fieldset>
        <legend>{name}</legend>
        <Form schema={schema} root={root} value={value} change={change} />
      </fieldset>
    )
  if (type === 'boolean')
    return (
      <label class="check">
        <input
          type="checkbox"
          checked={value === true}
          onChange={(event) => change(event.currentTarget.checked || (required ? false : undefined))}
        />
        <Label name={name} schema={schema} required={false} />
      </label>
    )
  if (schema.enum !== undefined)
    return (
      <label>
        <Label name={name} schema={schema} required={required} />
        <select
          class="field"
          value={value === undefined ? '' : String(value)}
          onChange={(event) => change(schema.enum!.find((one) => String(one) === event.currentTarget.value))}
        >
          <option value="">–</option>
          {schema.enum.map((one) => (
            <option key={String(one)} value={String(one)}>
              {String(one)}
            </option>
          ))}
        </select>
      </label>
    )
  const isList =
    type === 'array' &&
    ['string', undefined].includes(typeOf(plain(schema.items ?? {}, root))) &&
    schema.items?.properties === undefined
  if (type === 'string' || type === 'number' || type === 'integer' || isList)
    return (
      <label>
        <Label name={name} schema={schema} required={required} />
        <input
          class="field"
          {...(type === 'number' || type === 'integer'
            ? { type: 'number' as const, step: type === 'integer' ? 1 : 'any' }
            : { type: 'text' as const })}
          required={required}
          placeholder={isList ? t('form.list') : schema.default === undefined ? '' : String(schema.default)}
          value={Array.isArray(value) ? value.join(', ') : ((value as string | number | undefined) ?? '')}
          onInput={(event) => change(read(event.currentTarget.value, type, isList))}
        />
      </label>
    )
  return <Raw label={name} value={value} change={change} required={required} about={schema.description} />
}

const Label = ({ name, schema, required }: Pick<FieldProps, 'name' | 'schema' | 'required'>): JSX.Element => (
  <span>
    {name}
    {required ? ' *' : ''} {schema.description !== undefined && <span class="quiet">{schema.description}</span>}
  </span>
)

function read(text: string, type: string | undefined, isList: boolean): unknown {
  if (text === '') return undefined
  if (isList)
    return text
      .split(',')
      .map((one) => one.trim())
      .filter((one) => one !== '')
  return type === 'string' ? text : Number(text)
}

/** Whatever has no field of its own, as JSON. */
function Raw({
  label,
  value,
  change,
  required,
  about,
}: {
  readonly label: string
  readonly value: unknown
  readonly change: (value: unknown) => void
  readonly required: boolean
  readonly about?: string | undefined
}): JSX.Element {
  return (
    <label>
      <span>
        {label}
        {required ? ' *' : ''} {about !== undefined && <span class="quiet">{about}</span>}
      </span>
      <textarea
        class="field"
        spellcheck={false}
        required={required}
        placeholder="{ }"
        defaultValue={value === undefined ? '' : JSON.stringify(value, null, 2)}
        onInput={(event) => {
          const field = event.currentTarget
          try {
            change(field.value.trim() === '' ? undefined : JSON.parse(field.value))
            field.setCustomValidity('')
          } catch (error) {
            field.setCustomValidity((error as Error).message)
          }
        }}
      />
    </label>
  )
}
