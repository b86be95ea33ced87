import { describe, expect, test } from 'vitest';
import {
  belongsTo,
  type EnrolmentMarks,
  enrolmentOf,
  isSameMark,
  markFrom,
  marksFrom,
  marksOf,
  newMark,
} from '../../../../src/core/model/enrolment.js';

test('the mark of an enrolment is the beginning of a unique id, without dashes', () => {
  expect(newMark(() => '01234567-89ab-4cde-8f01-23456789abcd')).toBe('0123456789ab');
});

test.each([
  [undefined, undefined, { app: undefined, task: undefined, hadTask: false }],
  [{}, {}, { app: undefined, task: undefined, hadTask: true }],
  [{ enrolment: 'a' }, undefined, { app: 'a', task: undefined, hadTask: false }],
  [{ enrolment: 'a' }, { enrolment: 't' }, { app: 'a', task: 't', hadTask: true }],
])('the enrolment of a key has the marks of its app %j and its task %j', (app, task, expected) => {
  expect(enrolmentOf(app, task)).toEqual(expected);
});

describe('stored marks', () => {
  test.each<[object, string | undefined]>([
    [{ enrolment: 'a' }, 'a'],
    [{}, undefined],
    [{ enrolment: 5 }, undefined],
    [{ enrolment: { app: 'a' } }, undefined],
  ])('the mark in the document %j of an app or a task is %s', (content, mark) => {
    expect(markFrom(content as { enrolment?: string })).toBe(mark);
  });

  test.each<[object, EnrolmentMarks | undefined]>([
    [{ enrolment: { app: 'a', task: 't' } }, { app: 'a', task: 't' }],
    [{ enrolment: { app: 'a' } }, { app: 'a' }],
    [{ enrolment: { task: 't' } }, { task: 't' }],
    [{ enrolment: { app: 5, task: null } }, undefined],
    [{ enrolment: 'a' }, undefined],
    [{}, undefined],
  ])('the marks in the document %j of a key are %j', (content, marks) => {
    expect(marksFrom(content as { enrolment?: EnrolmentMarks & { [name: string]: string } })).toStrictEqual(marks);
  });

  test('marks are stored without anything else, and without those that are missing', () => {
    const more = { app: 'a', task: undefined, hadTask: true };
    expect(marksOf(more)).toStrictEqual({ app: 'a' });
    expect(marksOf({ ...more, app: undefined })).toBeUndefined();
  });
});

describe('documents of an enrolment', () => {
  test.each<[EnrolmentMarks | undefined, EnrolmentMarks, boolean]>([
    [{ app: 'a', task: 't' }, { app: 'a', task: 't' }, true],
    [{ app: 'b', task: 't' }, { app: 'a', task: 't' }, false],
    [{ app: 'a', task: 'u' }, { app: 'a', task: 't' }, false],
    [{ app: 'a' }, { app: 'a', task: 't' }, true],
    [{ app: 'a', task: 't' }, { app: 'a' }, true],
    [{ task: 'u' }, { app: 'a', task: 't' }, false],
    [undefined, { app: 'a', task: 't' }, true],
    [{}, {}, true],
  ])('whether a document with the marks %j belongs to the registration %j: %s', (marks, registered, expected) => {
    expect(belongsTo(marks, registered)).toBe(expected);
  });

  test.each([
    ['a', 'a', true],
    ['a', 'b', false],
    ['a', undefined, true],
    [undefined, 'b', true],
    [undefined, undefined, true],
  ])('whether the marks %s and %s may be of the same enrolment: %s', (left, right, expected) => {
    expect(isSameMark(left, right)).toBe(expected);
  });
});
