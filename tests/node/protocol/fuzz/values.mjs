// Values for arguments: valid ones, boundary values, and values of other types.

import { isEnumType, isInputObjectType, isListType, isNonNullType, isRequiredInputField } from 'graphql'

import { inDays } from '../server.mjs'

const WHOLE = [0, 1, 2, 3, 5, 20, 100, -1, 101, 1000, 2 ** 31 - 1, -(2 ** 31)]
const TEXTS = [
  'Lisbon', 'ok', 'A word.', 'a', '', ' ', '%', '_', "'", '"; drop table users; --', '\\', '\u0000', 'a\u0000b', '\u202egnal',
  '𝒳👩‍👩‍👧', '\ud800', '\n\r\t', '../../etc/passwd', '{{7*7}}', '<script>alert(1)</script>', 'NaN', '-1', 'x'.repeat(300),
  'é'.repeat(25_000), `${'"'.repeat(200)}`, 'ok@example.com', '(((', '*', 'AND OR NOT', '"a" NEAR b',
]
const DATES = ['2027-02-28', '2028-02-29', '2027-02-29', '2027-02-30', '0000-01-01', '0001-01-01', '9999-12-31', '+262143-01-01',
  '-0001-01-01', '2027-13-01', '2027-1-1', '2027-01-01T00:00:00Z', '']
const SCALARS = {
  Boolean: [true, false],
  Float: [...WHOLE, 0.5, -0.0, 38.7, -9.1, 90, 180, -180.000001, 1e-320, 1.7976931348623157e308],
  MinorUnits: [...WHOLE, 2 ** 53 - 1, 2 ** 53, -(2 ** 53), 9e18, 1e19, 0.5, '100'],
  Ppm: [...WHOLE, 100_000, 999_999, 1_000_000, 1_000_001],
  CountryCode: ['PT', 'US', 'pt', 'ZZ', 'Portugal', '', 'é'],
  LanguageTag: ['en', 'pt-BR', 'zh-Hant-TW', 'EN_us', '', 'x'.repeat(40), 'é'],
  CurrencyCode: ['EUR', 'USD', 'JPY', 'eur', 'ZZZ', 'XXX', '', 'EURO', '€'],
  LocalTime: ['15:00', '00:00', '23:59', '24:00', '15:00:00', '3pm', '', '23:59:60'],
  TimeZone: ['Europe/Lisbon', 'UTC', 'America/St_Johns', 'Mars/Olympus', '+01:00', '', '../UTC'],
  DateTime: ['2027-01-01T00:00:00Z', '2027-01-01', '0000-01-01T00:00:00Z', '9999-12-31T23:59:59.999999999+23:59', '', 'now'],
}
const OTHER_TYPES = [null, true, -1, 2 ** 31, 2 ** 53, 1e308, 0.1, '', 'x', [], [[]], {}, { id: 1 }, [null], { __proto__: null, a: {} }, 'x'.repeat(30_000)]

/** Generates values for arguments, with the IDs, cursors and tokens of the pool. */
export class Values {
  constructor(random, pool) {
    this.random = random
    this.pool = pool
  }

  /** Usually a value of the type. The path has the names that lead to the value, beginning with the root field. */
  of(type, path) {
    const { random } = this
    if (random.percent(3)) return random.of(OTHER_TYPES)
    if (isNonNullType(type)) return this.#given(type.ofType, path)
    return random.percent(6) ? null : this.#given(type, path)
  }

  #given(type, path) {
    const { random } = this
    if (isListType(type)) {
      const length = random.percent(90) ? random.below(4) : random.of([0, 100, 101, 400])
      return Array.from({ length }, () => this.of(type.ofType, path))
    }
    if (isEnumType(type)) return random.percent(92) ? random.of(type.getValues()).name : random.of(['NOTHING', '', 'null'])
    if (isInputObjectType(type)) return this.#object(type, path)
    return this.#scalar(type.name, path)
  }

  #object(type, path) {
    const { random } = this
    const fields = Object.values(type.getFields())
    // Every field can be invalid. Often only a few are given, so that some requests are accepted.
    const sparse = random.of([5, 15, 40])
    const given = fields.filter((field) => random.percent(isRequiredInputField(field) ? 97 : sparse))
    const entries = given.map((field) => [field.name, this.of(field.type, [...path, field.name])])
    if (random.percent(2)) entries.push(['nothing', 1])
    return Object.fromEntries(entries)
  }

  #scalar(name, path) {
    const { random } = this
    const last = path.at(-1)
    switch (name) {
      case 'ID': return this.#id(path)
      case 'Int': return random.of(WHOLE)
      case 'Date': return this.#date(last)
      case 'String': return this.#text(last)
      default: return random.of(SCALARS[name] ?? TEXTS)
    }
  }

  /** Usually an ID of the type that the argument names: `listingId`, or `id` of a field that begins with `listing`. */
  #id(path) {
    const { random, pool } = this
    const name = (path.at(-1).length > 3 ? path.at(-1) : path[0]).toLowerCase()
    const kind = [...pool.ids.keys()].find((type) => name.startsWith(type.toLowerCase()))
    if (kind && random.percent(70)) return random.of(pool.ids.get(kind))
    const known = random.of([...pool.ids.values()].flat())
    const modified = [known.slice(0, -1), `${known}x`, known.toUpperCase(), `${known.slice(0, 8)}${known.slice(0, 8)}`]
    return random.of([known, known, ...modified, '', '0', 'x', '00000000-0000-0000-0000-000000000000', 7, 2 ** 53, 'x'.repeat(5000), '\u0000', 'é'])
  }

  #date(name) {
    const { random } = this
    const late = ['to', 'checkOut'].includes(name)
    return random.percent(75) ? inDays((late ? 40 : 33) + random.below(late ? 10 : 6)) : random.of(DATES)
  }

  #text(name) {
    const { random, pool } = this
    if (['after', 'before'].includes(name)) {
      const known = random.of(pool.cursors)
      return random.of([known, known, known.slice(1), `${known}A`, known.split('').reverse().join(''), 'e30', 'bnVsbA', ...TEXTS])
    }
    const known = pool.texts.get(name)
    return known?.length && random.percent(60) ? random.of(known) : random.of(TEXTS)
  }
}
