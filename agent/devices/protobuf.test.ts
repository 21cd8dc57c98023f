import { expect } from 'chai';
import fc from 'fast-check';
import { isMultiNicError } from '../../core/errors.ts';
import { bytesField, bytesOf, fieldsOf, int64Field, int64Of, textOf, textsOf } from './protobuf.ts';

describe('protobuf', () => {
  it('reads what protoc writes', () => {
    // The examples of protobuf.dev, "Encoding": a = 150; b = "testing"; c = {a = 150}; packed e = [3, 270, 86942].
    expect(int64Of(Buffer.from('089601', 'hex'), 1)).to.equal(150);
    expect(textOf(Buffer.from('120774657374696e67', 'hex'), 2)).to.equal('testing');
    const [inner] = bytesOf(Buffer.from('1a03089601', 'hex'), 3);
    expect(int64Of(inner!, 1)).to.equal(150);
    expect([...fieldsOf(Buffer.from('3206038e029ea705', 'hex'))]).to.have.length(1);
  });

  it('passes over fixed-width fields and numbers that it does not know', () => {
    const message = Buffer.concat([Buffer.from('0d01000000', 'hex'), Buffer.from('110200000000000000', 'hex')]);
    expect([...fieldsOf(message)]).to.deep.equal([
      { number: 1, value: 1n },
      { number: 2, value: 2n },
    ]);
    expect(textsOf(Buffer.concat([message, bytesField(3, 'x')]), 3)).to.deep.equal(['x']);
  });

  it('reads back what it wrote', () => {
    const number = fc.integer({ min: 1, max: 2 ** 29 - 1 });
    fc.assert(
      fc.property(number, fc.array(fc.string({ unit: 'binary' })), fc.maxSafeInteger(), (at, texts, int) => {
        const message = Buffer.concat(texts.map(text => bytesField(at, text)));
        expect(textsOf(message, at)).to.deep.equal(texts);
        expect(int64Of(int64Field(at, int), at)).to.equal(int);
      }),
    );
  });

  it('refuses any bytes that are no message, and reads none beyond them', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), bytes => {
        try {
          for (const { value } of fieldsOf(bytes))
            if (value instanceof Uint8Array) expect(value.length).to.be.below(40);
        } catch (error) {
          if (!isMultiNicError(error)) throw error;
          expect(error.code).to.equal('MNN_KUBELET_DEVICES');
        }
      }),
      { numRuns: 2000 },
    );
    for (const hex of ['08', '0a05', '0b', `08${'ff'.repeat(10)}01`]) {
      expect(() => [...fieldsOf(Buffer.from(hex, 'hex'))], hex).to.throw('MNN_KUBELET_DEVICES');
    }
  });
});
