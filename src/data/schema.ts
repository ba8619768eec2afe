import avro from 'avsc'
import { invalidInput } from '../errors.ts'
import { coreRules, domainRules, type FieldRule, metadataFields } from './schemaRules.ts'

export type DatasetType = 'INTERACTIONS' | 'ITEMS' | 'USERS' | 'ACTIONS' | 'ACTION_INTERACTIONS'
export type Domain = 'ECOMMERCE' | 'VIDEO_ON_DEMAND'
export type FieldType = 'string' | 'int' | 'long' | 'float' | 'double' | 'boolean'

/** One column of a dataset. */
export type Field = {
  name: string
  type: FieldType
  nullable: boolean
  /** A category; several in one value are separated by `|`. */
  categorical: boolean
  /** Free text. */
  textual: boolean
  /** The title of the item. */
  itemName: boolean
}

/** A dataset schema as its text means it, fields in the order of the text. */
export type DatasetSchema = { datasetType: DatasetType; fields: Field[] }

/**
 * Reads and checks a schema's text (spec E.2-E.5, E.10). Throws InvalidInputException
 * naming the field and what is right.
 */
export function parseSchema(text: string, domain?: Domain): DatasetSchema {
  const record = parseRecord(text)
  const datasetType = recordType(record.name)
  const fields = list(record.fields).map((field) => parseField(field, datasetType))
  requireAvro(record)
  requireOtherNames(fields)
  requireDistinctNames(fields)
  requireMarks(fields)
  requireRules(datasetType, fields, domain)
  return { datasetType, fields }
}

/**
 * `Interactions` -> `INTERACTIONS`: any case is accepted. Throws InvalidInputException. Spec E.1.
 */
export function datasetTypeOf(word: string): DatasetType {
  const type = datasetTypes.find((known) => plain(known) === plain(word))
  if (type === undefined)
    throw invalidInput(
      `'${word}' is not a dataset type; the types are ${datasetTypes.join(', ')}, in any case.`,
    )
  return type
}

/** What UpdateDataset asks of a new schema (spec E.2). Throws InvalidInputException. */
export function requireCompatible(previous: DatasetSchema, next: DatasetSchema): void {
  if (previous.datasetType !== 'USERS' && previous.datasetType !== 'ITEMS')
    throw invalidInput(
      `The schema of a dataset of type ${previous.datasetType} cannot be replaced; ` +
        'only those of USERS and ITEMS can.',
    )
  if (next.datasetType !== previous.datasetType)
    throw invalidInput(
      `The new schema is for ${next.datasetType}; ` +
        `it must be for ${previous.datasetType}, like the dataset.`,
    )
  for (const field of previous.fields) {
    const kept = next.fields.find(({ name }) => name === field.name)
    if (kept === undefined)
      throw invalidInput(`The new schema lacks the field ${field.name}; it must keep all fields.`)
    if (Object.entries(field).some(([key, value]) => kept[key as keyof Field] !== value))
      throw invalidInput(
        `The new schema changes the field ${field.name}; ` +
          'its type and attributes must stay as they are.',
      )
  }
  const known = new Set(previous.fields.map(({ name }) => name))
  const added = next.fields.find(({ name, nullable }) => !known.has(name) && !nullable)
  if (added !== undefined)
    throw invalidInput(
      `The new field ${added.name} does not allow null; ` +
        `its type must be ["null", "${added.type}"].`,
    )
}

/** The DuckDB type of a field's column. */
export const columnType = ({ type }: Pick<Field, 'type'>): string => columnTypes[type]

const columnTypes = {
  string: 'VARCHAR',
  int: 'INTEGER',
  long: 'BIGINT',
  float: 'FLOAT',
  double: 'DOUBLE',
  boolean: 'BOOLEAN',
} as const satisfies Record<FieldType, string>

const datasetTypes = Object.keys(coreRules) as DatasetType[]
const recordNames = ['Interactions', 'Items', 'Users', 'Actions', 'ActionInteractions']
const namespace = 'com.amazonaws.personalize.schema'

/** Names are the same when letters and digits are, whatever their case. Spec E.2. */
const plain = (name: string) => name.replace(/[^a-zA-Z0-9]/g, '').toLowerCase()

type Json = Record<string, unknown>
const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : [])
const shown = (value: unknown) => {
  const text = JSON.stringify(value) ?? 'missing'
  return text.length > 100 ? `${text.slice(0, 100)}...` : text
}

function parseRecord(text: string): Json {
  let record: unknown
  try {
    record = JSON.parse(text)
  } catch (error) {
    throw invalidInput(`The schema is not JSON: ${(error as Error).message}.`)
  }
  if (!isObject(record)) throw invalidInput('The schema must be a JSON object.')
  if (isDeeper(record, depthMax))
    throw invalidInput(`The schema nests deeper than ${depthMax} levels; a legal one has four.`)
  if (record.type !== 'record')
    throw invalidInput(`The schema's type is ${shown(record.type)}; it must be "record".`)
  if (record.namespace !== namespace)
    throw invalidInput(
      `The schema's namespace is ${shown(record.namespace)}; it must be "${namespace}".`,
    )
  // Notebooks that ran against AWS have the number as well.
  if (record.version !== '1.0' && record.version !== '1' && record.version !== 1)
    throw invalidInput(`The schema's version is ${shown(record.version)}; it must be "1.0".`)
  if (list(record.fields).length === 0)
    throw invalidInput("The schema's fields must be a list with at least one field.")
  return record
}

/**
 * What follows walks the document recursively: 20,000 characters of
 * brackets would overflow the stack.
 */
const depthMax = 32
const isDeeper = (value: unknown, levels: number): boolean =>
  typeof value === 'object' &&
  value !== null &&
  (levels === 0 || Object.values(value).some((inner) => isDeeper(inner, levels - 1)))

function recordType(name: unknown): DatasetType {
  if (typeof name === 'string' && recordNames.some((known) => plain(known) === plain(name)))
    return datasetTypeOf(name)
  throw invalidInput(
    `The schema's name is ${shown(name)}; it must be one of ${recordNames.join(', ')}.`,
  )
}

/** What avsc finds beyond our own rules: illegal names, names twice, defaults of another type. */
function requireAvro(record: Json): void {
  try {
    avro.Type.forSchema(record as unknown as avro.Schema)
  } catch (error) {
    throw invalidInput(`The schema is not legal Avro: ${(error as Error).message}.`)
  }
}

function parseField(field: unknown, datasetType: DatasetType): Field {
  if (!isObject(field) || typeof field.name !== 'string')
    throw invalidInput(`The field ${shown(field)} must be an object with a name and a type.`)
  const { name } = field
  const flag = (attribute: string): boolean => {
    const value = field[attribute] ?? false
    if (typeof value !== 'boolean')
      throw invalidInput(
        `The field ${name} has ${attribute} ${shown(value)}; it must be true or false.`,
      )
    return value
  }
  const marks = {
    categorical: flag('categorical'),
    textual: flag('textual'),
    itemName: flag('itemName'),
  }
  for (const attribute of ['textual', 'itemName'] as const)
    if (marks[attribute] && datasetType !== 'ITEMS')
      throw invalidInput(`The field ${name} is ${attribute}; only fields of Items can be.`)
  return { name, ...parseType(name, field.type), ...marks }
}

function parseType(name: string, type: unknown): Pick<Field, 'type' | 'nullable'> {
  const branches = Array.isArray(type) ? type : [type]
  const types = branches.filter((branch) => branch !== 'null')
  const [only] = types
  if (types.length !== 1 || branches.length > 2 || !Object.hasOwn(columnTypes, String(only)))
    throw invalidInput(
      `The field ${name} has the type ${shown(type)}; it must be one of ` +
        `${Object.keys(columnTypes).join(', ')}, or a list of one of these and "null".`,
    )
  return { type: only as FieldType, nullable: branches.length > types.length }
}

/** Names by which DuckDB tells where a row of a Parquet file stands; a column would hide them. */
const rowPlaces = ['FILE_INDEX', 'FILE_ROW_NUMBER']

function requireOtherNames(fields: Field[]): void {
  const taken = fields.find(({ name }) => rowPlaces.includes(name.toUpperCase()))
  if (taken)
    throw invalidInput(`The field name ${taken.name} is reserved here; choose another name.`)
}

function requireDistinctNames(fields: Field[]): void {
  const seen = new Map<string, string>()
  for (const { name } of fields) {
    const other = seen.get(plain(name))
    if (other !== undefined)
      throw invalidInput(
        `The fields ${other} and ${name} have the same letters and digits; ` +
          'names must differ in these.',
      )
    seen.set(plain(name), name)
  }
}

function requireMarks(fields: Field[]): void {
  for (const { name, type, categorical, textual, itemName } of fields) {
    const mark = categorical ? 'categorical' : textual ? 'textual' : itemName ? 'itemName' : ''
    if (mark !== '' && type !== 'string')
      throw invalidInput(
        `The field ${name} is ${mark} but has the type ${type}; it must be string.`,
      )
    if (categorical && textual)
      throw invalidInput(`The field ${name} is categorical and textual; it can be one of them.`)
  }
  for (const mark of ['textual', 'itemName'] as const) {
    const marked = fields.filter((field) => field[mark]).map(({ name }) => name)
    if (marked.length > 1)
      throw invalidInput(`The fields ${marked.join(', ')} are ${mark}; at most one can be.`)
  }
}

function requireRules(datasetType: DatasetType, fields: Field[], domain?: Domain): void {
  const core = coreRules[datasetType]
  const extra = domain ? domainRules[domain][datasetType] : undefined
  if (domain && !extra)
    throw invalidInput(`The domain ${domain} has no ${datasetType}; leave the domain out.`)
  const names = fields.map(({ name }) => name)
  for (const wanted of [...core.required, ...(extra?.required ?? [])]) {
    const choice = typeof wanted === 'string' ? [wanted] : wanted
    if (!choice.some((name) => names.includes(name)))
      throw invalidInput(`The schema lacks the field ${choice.join(' or ')}, which is required.`)
  }
  const rules = new Map(Object.entries({ ...core.fields, ...extra?.fields }))
  for (const field of fields) {
    const rule = rules.get(field.name)
    if (rule) requireRule(field, rule)
  }
  const metadata = names.filter((name) => !Object.hasOwn(core.fields, name)).length
  const { least, most } = metadataFields[datasetType]
  if (metadata < least)
    throw invalidInput(
      `The schema has no metadata field; ` +
        `${datasetType} need one besides ${Object.keys(core.fields).join(', ')}.`,
    )
  if (metadata > most)
    throw invalidInput(`The schema has ${metadata} metadata fields; at most ${most} are allowed.`)
}

function requireRule(field: Field, rule: FieldRule): void {
  const { name, type, nullable, categorical, textual } = field
  if (!rule.types.includes(type))
    throw invalidInput(
      `The field ${name} has the type ${type}; it must be ${rule.types.join(' or ')}.`,
    )
  if (rule.notNull && nullable)
    throw invalidInput(`The field ${name} allows null; it must be "${type}" alone.`)
  const mark = categorical ? 'categorical' : textual ? 'textual' : 'none'
  if (rule.mark === undefined || rule.mark === mark) return
  throw invalidInput(
    rule.mark === 'none'
      ? `The field ${name} is ${mark}; it must not be.`
      : `The field ${name} must have "${rule.mark}": true.`,
  )
}
