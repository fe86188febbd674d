// RocksDB 7.8's iterator ends quietly, without an error, when it steps into a table whose first block is damaged; a
// seek tells. So the end is asked for once more.
#ifndef WEIR_LOG_CAREFUL_ITERATOR_H_
#define WEIR_LOG_CAREFUL_ITERATOR_H_

#include <memory>
#include <string>

#include "rocksdb/iterator.h"

namespace weir::log {

class CarefulIterator : public rocksdb::Iterator {
 public:
  explicit CarefulIterator(rocksdb::Iterator* inner) : inner_(inner) {}

  bool Valid() const override { return inner_->Valid(); }
  void SeekToFirst() override { inner_->SeekToFirst(); }
  void SeekToLast() override { inner_->SeekToLast(); }
  void Seek(const rocksdb::Slice& target) override { inner_->Seek(target); }
  void SeekForPrev(const rocksdb::Slice& target) override { inner_->SeekForPrev(target); }
  void Next() override {
    last_.assign(inner_->key().data(), inner_->key().size());
    inner_->Next();
    if (!inner_->Valid() && inner_->status().ok()) {
      last_.push_back('\0');
      inner_->Seek(last_);
    }
  }
  void Prev() override { inner_->Prev(); }
  rocksdb::Slice key() const override { return inner_->key(); }
  rocksdb::Slice value() const override { return inner_->value(); }
  rocksdb::Status status() const override { return inner_->status(); }

 private:
  const std::unique_ptr<rocksdb::Iterator> inner_;
  std::string last_;
};

}  // namespace weir::log

#endif  // WEIR_LOG_CAREFUL_ITERATOR_H_
